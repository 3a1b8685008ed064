import { SIGNALS } from '../../kernel/process.ts'
import type { ContainerRun } from './run.ts'

export interface StoppingInput {
  run: ContainerRun
  /** Until it is killed. 0: at once, without its hook. */
  graceMs: number
  /** Its signal waits for this; its hook does not (KEP-753). */
  turn: Promise<void>
  /** The signal that asks it to end. */
  signal: number
  /** Runs the preStop hook, for so long at most. */
  preStop: ((timeoutMs: number) => Promise<unknown>) | undefined
}

/** So long a container has after its signal even when hook and turn took all of its grace (kubelet's minimumGracePeriodInSeconds). */
const leastMs = 2000

/** The end of one instance: its hook, its turn, its signal, and SIGKILL when the grace is over. A second wish can only make it sooner. */
export class Stopping {
  /** Fulfilled when it has ended. */
  readonly done: Promise<void>
  readonly #run: ContainerRun
  #killAt: number
  /** Somebody wished it sooner: no least time any more. */
  #hastened = false
  #killTimer: NodeJS.Timeout | undefined
  #turnTimer: NodeJS.Timeout | undefined
  #over = false

  constructor(input: StoppingInput) {
    this.#run = input.run
    this.#killAt = Date.now() + input.graceMs
    this.done = this.#end(input)
  }

  hasten(graceMs: number): void {
    const killAt = Date.now() + graceMs
    if (killAt >= this.#killAt) return
    this.#hastened = true
    this.#kill(killAt)
  }

  /** It ended, or somebody else sees to its end. */
  forget(): void {
    this.#over = true
    clearTimeout(this.#killTimer)
    clearTimeout(this.#turnTimer)
  }

  #kill(at: number): void {
    this.#killAt = at
    clearTimeout(this.#killTimer)
    const left = at - Date.now()
    // That it ended by itself meanwhile is as good.
    const kill = (): void => void this.#run.signal(SIGNALS.KILL)
    if (left <= 0) kill()
    else if (!this.#over) this.#killTimer = setTimeout(kill, left)
  }

  async #end({ run, graceMs, turn, signal, preStop }: StoppingInput): Promise<void> {
    if (graceMs > 0) {
      // One that ends by itself, because its hook told it to perhaps, is not waited for.
      if (preStop) await Promise.race([preStop(graceMs), run.ended])
      if (this.#over) return
      const graceOver = new Promise<void>((resolve) => {
        this.#turnTimer = setTimeout(resolve, Math.max(0, this.#killAt - Date.now()))
      })
      await Promise.race([turn, graceOver, run.ended])
      clearTimeout(this.#turnTimer)
      run.signal(signal)
      if (!this.#hastened) this.#kill(Math.max(this.#killAt, Date.now() + Math.min(leastMs, graceMs)))
    } else this.#kill(this.#killAt)
    await run.ended
  }
}
