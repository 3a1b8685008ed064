/** Of a processor's time, what one container's output may take for long; and how much at once, in milliseconds. */
const share = 0.25
const burst = 500
/** Shorter pauses would be many. */
const shortestPause = 20

/** Keeps a container that prints without end from taking the whole agent: its pipe is left full for a while, and it has to wait. */
export class Throttle {
  readonly #now: () => number
  #credit = burst
  #at: number

  /** `now` counts milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#at = now()
  }

  /** Some output took `ms` to handle. How long the next has to wait; mostly 0. */
  spend(ms: number): number {
    const now = this.#now()
    this.#credit = Math.min(burst, this.#credit + (now - this.#at) * share) - ms
    this.#at = now
    return this.#credit >= 0 ? 0 : Math.max(shortestPause, -this.#credit / share)
  }
}
