import { longestTimerMs } from '../base/timer.ts'

const firstRetryMs = 500
const slowestRetryMs = 60_000

export interface StepsInput {
  /** No step begins before. */
  ready: Promise<void>
  /** Looks at what is so and does what is missing. Never runs twice at once. */
  step: () => Promise<void>
  /** Called when a step throws; it is tried again, later each time. */
  failed: (error: unknown) => void
}

/** Level-triggered work: whatever happens pokes, and after each poke a step is made. */
export class Steps {
  readonly #input: StepsInput
  #again = false
  #busy = false
  #over = false
  #idle: Promise<void> = Promise.resolve()
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #wakeAt = Number.POSITIVE_INFINITY

  constructor(input: StepsInput) {
    this.#input = input
  }

  poke(): void {
    if (this.#over) return
    this.#again = true
    if (!this.#busy) this.#idle = this.#run()
  }

  /** A poke after so many milliseconds. The earliest wish wins; every step states its wishes anew. */
  wakeIn(ms: number): void {
    const at = Date.now() + Math.max(0, ms)
    if (this.#over || (this.#timer && at >= this.#wakeAt)) return
    clearTimeout(this.#timer)
    this.#wakeAt = at
    const wake = (): void => {
      this.#timer = undefined
      this.#wakeAt = Number.POSITIVE_INFINITY
      this.poke()
    }
    this.#timer = setTimeout(wake, Math.min(Math.max(1, ms), longestTimerMs))
  }

  /** No further step begins. */
  end(): void {
    this.#over = true
    clearTimeout(this.#timer)
  }

  /** {@link end}, fulfilled when the step that is under way is done. */
  async finish(): Promise<void> {
    this.end()
    await this.#idle
  }

  async #run(): Promise<void> {
    this.#busy = true
    await this.#input.ready
    while (this.#again && !this.#over) {
      this.#again = false
      // What comes together is looked at once, and everybody else gets a turn.
      await new Promise(setImmediate)
      if (this.#over) break
      try {
        await this.#input.step()
        this.#failures = 0
      } catch (error) {
        this.#failures++
        this.#input.failed(error)
        this.wakeIn(Math.min(firstRetryMs * 2 ** (this.#failures - 1), slowestRetryMs))
      }
    }
    // In the same turn as the loop's last look: a poke is either seen by it or begins anew.
    this.#busy = false
  }
}

/** Waits for all, also when one fails: a step leaves nothing going on behind it. */
export async function all(parts: Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(parts)) if (result.status === 'rejected') throw result.reason
}
