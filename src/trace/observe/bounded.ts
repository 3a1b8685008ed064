import type { Observation } from '../observation.ts'
import type { TraceEnvironment } from './environment.ts'
import { placesOf, type Watched } from './places.ts'
import { Queue } from './queue.ts'

/** What is open while something is watched. */
export interface Eye {
  /** Tells what has arrived by now. */
  drain?(): void
  close(): Promise<void> | void
}

/**
 * One watch on this machine, whatever it looks at. It ends when `signal` aborts or its time is over: then everything that arrived until then is still told.
 * Once disposed of, nothing that it {@link opened} is left.
 */
export class BoundedWatch implements AsyncDisposable {
  readonly machine: Watched
  /** The machine first. */
  readonly places: readonly Watched[]
  /** What is told, in order. */
  readonly queue: Queue<Observation> = new Queue()
  readonly #eyes: Eye[] = []
  readonly #signal: AbortSignal
  readonly #timer: ReturnType<typeof setTimeout>
  readonly #end = (): void => this.#finish()
  #isOver = false

  constructor(
    { pods, seconds }: { readonly pods: readonly string[]; readonly seconds: number },
    environment: TraceEnvironment,
    signal: AbortSignal,
  ) {
    const places = placesOf(pods, environment)
    this.places = places
    this.machine = places[0]
    this.#signal = signal
    this.#timer = setTimeout(this.#end, seconds * 1000)
    signal.addEventListener('abort', this.#end, { once: true })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Eyes are drained in the order in which they were opened. */
  opened<E extends Eye>(eye: E): E {
    this.#eyes.push(eye)
    return eye
  }

  /** To be called when all are open: `ready`, then what they see, until the end. */
  async *seen(): AsyncGenerator<Observation, void, undefined> {
    this.queue.push({ kind: 'ready' })
    if (this.#signal.aborted) this.#finish()
    yield* this.queue
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer)
    this.#signal.removeEventListener('abort', this.#end)
    await Promise.all(this.#eyes.reverse().map(async (eye) => eye.close()))
  }

  /** A packet is in its sockets' queues before whoever gets it can answer: what belongs to an answered request is all there. */
  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.queue.attempt(() => {
      for (const eye of this.#eyes) eye.drain?.()
    })
    this.queue.end()
  }
}
