import type { Clock } from './clock.ts'

/**
 * A work queue of keys, as client-go's: a key that is added many times before its turn runs once, a key never runs twice at the same
 * time, and one added while it runs goes again afterwards.
 */
export interface Queue {
  add(key: string): void
  /** Starts the work; keys added before wait for it. */
  open: () => void
  close: () => void
}

export interface QueueOptions {
  /** Does the work of one key. A number asks to run it again after so many milliseconds, when nothing else does before. */
  work: (key: string) => Promise<number | undefined>
  /** Told of every failure; the key is then tried again, after 5 ms first and twice as long each time, at most 30 s. */
  failed: (key: string, error: unknown, retryMs: number) => void
  clock: Clock
  /** How many keys may be under way at once. */
  parallel?: number
}

const firstRetryMs = 5
const longestRetryMs = 30_000

export function makeQueue({ work, failed, clock, parallel = 16 }: QueueOptions): Queue {
  const waiting = new Set<string>()
  const running = new Set<string>()
  const timers = new Map<string, () => void>()
  const failures = new Map<string, number>()
  let state: 'shut' | 'open' | 'closed' = 'shut'
  let planned = false

  function add(key: string): void {
    if (state === 'closed') return
    waiting.add(key)
    plan()
  }

  /** A microtask later, so that changes that arrive together are one piece of work. */
  function plan(): void {
    if (planned || state !== 'open') return
    planned = true
    queueMicrotask(() => {
      planned = false
      for (const key of waiting) {
        if (state !== 'open' || running.size >= parallel) return
        if (!running.has(key)) void run(key)
      }
    })
  }

  async function run(key: string): Promise<void> {
    waiting.delete(key)
    running.add(key)
    callOff(key)
    try {
      const again = await work(key)
      failures.delete(key)
      if (again !== undefined) callLater(key, again)
    } catch (error) {
      const times = failures.get(key) ?? 0
      const retryMs = Math.min(firstRetryMs * 2 ** times, longestRetryMs)
      failures.set(key, times + 1)
      failed(key, error, retryMs)
      callLater(key, retryMs)
    } finally {
      running.delete(key)
      plan()
    }
  }

  function callLater(key: string, ms: number): void {
    if (state !== 'open') return
    const cancel = clock.after(ms, () => {
      timers.delete(key)
      add(key)
    })
    timers.set(key, cancel)
  }

  function callOff(key: string): void {
    timers.get(key)?.()
    timers.delete(key)
  }

  return {
    add,
    open() {
      if (state === 'shut') state = 'open'
      plan()
    },
    close() {
      state = 'closed'
      waiting.clear()
      for (const key of timers.keys()) callOff(key)
    },
  }
}
