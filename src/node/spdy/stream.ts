import { Duplex } from 'node:stream'

/** So much of one stream waits for whoever reads it; then the whole connection waits: SPDY as Kubernetes speaks it has no windows. */
const highWater = 256 * 1024
/** The length of a data frame has 24 bits; shorter ones let others through. */
const longestFrame = 64 * 1024

/** What a stream needs of its connection. */
export interface Carrier {
  data(stream: number, data: Buffer, last: boolean, done: () => void): void
  /** Whether this stream makes the others wait. */
  waits(stream: number, full: boolean): void
  /** `reset`: the other side does not know yet. */
  closed(stream: number, reset: boolean): void
}

/** One stream of a connection. Ending it ends our direction only; destroying it before both have ended resets it. */
export class SpdyStream extends Duplex {
  readonly id: number
  readonly headers: ReadonlyMap<string, string>
  readonly #carrier: Carrier
  #full = false
  #remoteEnded = false
  #wasReset = false

  constructor(id: number, headers: ReadonlyMap<string, string>, carrier: Carrier) {
    super({ allowHalfOpen: true, readableHighWaterMark: highWater, writableHighWaterMark: longestFrame })
    this.id = id
    this.headers = headers
    this.#carrier = carrier
    // Who looks at `close` knows; a reset is no fault of this process.
    this.on('error', () => undefined)
  }

  /** What the other side sent. */
  receive(part: Buffer, last: boolean): void {
    if (this.destroyed || this.#remoteEnded) return
    // A copy: the chunk that it is a part of may hold many others.
    if (part.length > 0 && !this.push(Buffer.from(part))) this.#wait(true)
    if (!last) return
    this.#remoteEnded = true
    this.push(null)
  }

  /** The other side wants no more of it. */
  reset(): void {
    this.#wasReset = true
    this.destroy(new Error('the stream was reset'))
  }

  override _read(): void {
    this.#wait(false)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send(chunk, done)
  }

  override _final(done: () => void): void {
    this.#carrier.data(this.id, Buffer.alloc(0), true, done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#wait(false)
    this.#carrier.closed(this.id, !this.#wasReset && !(this.#remoteEnded && this.writableFinished))
    done(error)
  }

  #send(chunk: Buffer, done: () => void): void {
    const rest = chunk.subarray(longestFrame)
    const next = rest.length > 0 ? () => this.#send(rest, done) : done
    this.#carrier.data(this.id, chunk.subarray(0, longestFrame), false, next)
  }

  #wait(full: boolean): void {
    if (this.#full === full) return
    this.#full = full
    this.#carrier.waits(this.id, full)
  }
}
