import { longestTimerMs } from '../base/timer.ts'

/** Time as control loops see it; replaced in tests, where an hour passes at once. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds that only count while the machine is awake: a laptop that slept for an hour has not been silent for one. */
  steady(): number
  /** Calls back once, after so many milliseconds; the returned function calls it off. */
  after(ms: number, then: () => void): () => void
}

export const systemClock: Clock = {
  now: Date.now,
  steady: () => performance.now(),
  after(ms, then) {
    // Whoever waits longer is woken early, looks, and waits again.
    const timer = setTimeout(then, Math.min(Math.max(ms, 0), longestTimerMs))
    return () => clearTimeout(timer)
  },
}

/** The form of metav1.Time: RFC 3339, whole seconds. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** Milliseconds since 1970; 0 for a missing or unreadable time, which is then longer ago than any other. */
export function timeOf(text: string | undefined): number {
  const ms = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(ms) ? 0 : ms
}
