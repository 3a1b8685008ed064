import { Readable } from 'node:stream'
import type { StreamName } from './format.ts'

/** So much waits for a client; then its container waits too. */
const highWater = 256 * 1024
/** A client that takes nothing for so long is let go: it may not keep a container from printing for ever. */
const usualPatienceMs = 10_000

/** What a container prints from now on, for one client. Ends when the container has printed everything. */
export class Tap {
  readonly streams: Readonly<Record<StreamName, Readable>>
  readonly #drained: () => void
  readonly #gone: (tap: Tap) => void
  readonly #patienceMs: number
  #full = new Set<StreamName>()
  #timer: NodeJS.Timeout | undefined
  #lagging = false

  /** `drained` is called when it was full and is not any more; `gone` when nobody listens any more. */
  constructor(drained: () => void, gone: (tap: Tap) => void, patienceMs: number = usualPatienceMs) {
    this.#patienceMs = patienceMs
    this.#drained = drained
    this.#gone = gone
    this.streams = { stdout: this.#stream('stdout'), stderr: this.#stream('stderr') }
  }

  get full(): boolean {
    return this.#full.size > 0
  }

  /** It was closed because its client did not read. */
  get lagging(): boolean {
    return this.#lagging
  }

  write(name: StreamName, chunk: Buffer): void {
    if (this.streams[name].push(chunk)) return
    this.#full.add(name)
    this.#timer ??= setTimeout(() => {
      this.#lagging = true
      this.close()
    }, this.#patienceMs)
  }

  end(): void {
    for (const stream of Object.values(this.streams)) if (!stream.destroyed) stream.push(null)
    clearTimeout(this.#timer)
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const stream of Object.values(this.streams)) stream.destroy()
    this.#gone(this)
  }

  #stream(name: StreamName): Readable {
    return new Readable({
      highWaterMark: highWater,
      read: () => {
        if (!this.#full.delete(name) || this.full) return
        clearTimeout(this.#timer)
        this.#timer = undefined
        this.#drained()
      },
    })
  }
}
