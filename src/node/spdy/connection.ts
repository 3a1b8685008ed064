import type { Duplex } from 'node:stream'
import { messageOf } from '../../base/errors.ts'
import { controlFrame, dataFrame, finished, FrameReader, resetReason, type, words } from './frames.ts'
import { HeaderReader, noHeaders, wrong } from './headers.ts'
import { type Carrier, SpdyStream } from './stream.ts'

/** More than any kubectl opens at once: two for each connection that it forwards. */
const mostStreams = 4096
/** Bytes that the client has not taken. */
const mostUnsent = 1024 * 1024
const idMask = 0x7fff_ffff

export interface SpdyOptions {
  /** A new stream from the client. What it throws refuses the stream. */
  onStream: (stream: SpdyStream) => void
  /** The connection is gone, and all its streams with it. */
  onClose: () => void
}

/** Serves what comes over `transport`, until that is closed. */
export function serveSpdy(transport: Duplex, options: SpdyOptions): SpdyConnection {
  return new SpdyConnection(transport, options)
}

/**
 * The server's side of a SPDY/3.1 connection as Kubernetes' clients speak it (moby/spdystream): only the client opens streams, nobody uses
 * windows. `transport` carries the bytes: a socket, or messages of a WebSocket (KEP-4006).
 */
export class SpdyConnection {
  readonly #transport: Duplex
  readonly #options: SpdyOptions
  readonly #streams = new Map<number, SpdyStream>()
  readonly #full = new Set<number>()
  readonly #headers = new HeaderReader()
  readonly #frames: FrameReader
  readonly #carrier: Carrier
  #replied = false
  #last = 0
  #closed = false

  constructor(transport: Duplex, options: SpdyOptions) {
    this.#transport = transport
    this.#options = options
    this.#frames = new FrameReader({
      control: (kind, flags, body) => this.#control(kind, flags, body),
      data: (id, part, last) => this.#streams.get(id)?.receive(part, last),
    })
    this.#carrier = {
      data: (id, data, last, done) => {
        if (this.#closed) done()
        else transport.write(dataFrame(id, data, last), () => done())
      },
      waits: (id, full) => {
        if (full) this.#full.add(id)
        else this.#full.delete(id)
        this.#flow()
      },
      closed: (id, reset) => {
        if (this.#streams.delete(id) && reset) this.#reset(id, resetReason.cancel)
      },
    }
    transport.on('data', (chunk: Buffer) => {
      try {
        this.#frames.push(chunk)
        this.#flow()
      } catch (error) {
        transport.destroy(error instanceof Error ? error : new Error(messageOf(error)))
      }
    })
    transport.on('drain', () => this.#flow())
    transport.once('close', () => this.#close())
    transport.once('end', () => transport.end())
    transport.on('error', () => transport.destroy())
  }

  /** Says that there will be no more, and waits for the client to go: it may still read. Not longer than `patienceMs`. */
  end(patienceMs: number): void {
    if (this.#closed) return
    this.#transport.write(controlFrame(type.goAway, words(this.#last, 0)))
    const timer = setTimeout(() => this.#transport.destroy(), patienceMs)
    this.#transport.once('close', () => clearTimeout(timer))
  }

  destroy(): void {
    this.#transport.destroy()
  }

  #control(kind: number, flags: number, body: Buffer): void {
    if (kind === type.synStream) this.#open(flags, body)
    else if (kind === type.reset) this.#streams.get(idOf(body))?.reset()
    else if (kind === type.ping && body.length === 4) {
      // Only the client pings here, so what comes back is never an answer.
      this.#transport.write(controlFrame(type.ping, body))
    } else if (kind === type.headers) {
      // Nobody reads them, but the ones behind them refer to them.
      this.#headers.read(body.subarray(4))
      if ((flags & finished) !== 0) this.#streams.get(idOf(body))?.receive(Buffer.alloc(0), true)
    }
  }

  #open(flags: number, body: Buffer): void {
    if (body.length < 10) throw wrong('a SYN_STREAM is cut off')
    const id = idOf(body)
    const headers = this.#headers.read(body.subarray(10))
    if (id % 2 === 0 || id <= this.#last) throw wrong(`stream ${id} was opened after stream ${this.#last}`)
    this.#last = id
    if (this.#streams.size >= mostStreams) return this.#reset(id, resetReason.refused)
    const stream = new SpdyStream(id, headers, this.#carrier)
    this.#streams.set(id, stream)
    try {
      this.#options.onStream(stream)
    } catch {
      this.#streams.delete(id)
      stream.destroy()
      return this.#reset(id, resetReason.protocol)
    }
    this.#transport.write(controlFrame(type.synReply, Buffer.concat([words(id), noHeaders(!this.#replied)])))
    this.#replied = true
    if ((flags & finished) !== 0) stream.receive(Buffer.alloc(0), true)
  }

  #reset(id: number, reason: number): void {
    if (!this.#closed) this.#transport.write(controlFrame(type.reset, words(id, reason)))
  }

  /** Without windows there is one way to make a stream wait: all of them wait. And a client that does not read is not listened to. */
  #flow(): void {
    if (this.#closed) return
    const wait = this.#full.size > 0 || this.#transport.writableLength > mostUnsent
    if (wait && !this.#transport.isPaused()) this.#transport.pause()
    else if (!wait && this.#transport.isPaused()) this.#transport.resume()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const stream of this.#streams.values()) stream.reset()
    this.#streams.clear()
    this.#options.onClose()
  }
}

function idOf(body: Buffer): number {
  if (body.length < 4) throw wrong('a control frame is cut off')
  return body.readUInt32BE(0) & idMask
}
