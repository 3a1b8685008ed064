import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { constants, createDeflate } from 'node:zlib'
import { serveSpdy } from './connection.ts'
import { dictionary } from './dictionary.ts'
import { controlFrame, FrameReader, type, words } from './frames.ts'
import { HeaderReader } from './headers.ts'
import type { SpdyStream } from './stream.ts'

/** Compresses header blocks as Go's client does: one zlib stream with the dictionary, flushed after each block. */
export class HeaderWriter {
  readonly #deflate = createDeflate({ dictionary, level: 9 })

  async write(headers: Record<string, string>): Promise<Buffer> {
    const parts = [words(Object.keys(headers).length)]
    for (const text of Object.entries(headers).flat()) parts.push(words(Buffer.byteLength(text)), Buffer.from(text))
    const chunks: Buffer[] = []
    this.#deflate.on('data', (chunk: Buffer) => chunks.push(chunk))
    this.#deflate.write(Buffer.concat(parts))
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve))
    this.#deflate.removeAllListeners('data')
    return Buffer.concat(chunks)
  }
}

/** A client: it opens streams and sees frames. Without a server of its own, one must be put at `transport`. */
export class Client {
  readonly streams: SpdyStream[] = []
  readonly seen: string[] = []
  readonly wire: Duplex
  readonly transport: Duplex
  readonly #headers = new HeaderWriter()
  readonly #answers = new HeaderReader()
  #next = 1

  constructor() {
    const [wire, transport] = duplexPair()
    this.wire = wire
    this.transport = transport
    const frames = new FrameReader({
      control: (kind, _flags, body) => {
        if (kind === type.synReply) this.#answers.read(body.subarray(4))
        const name = Object.entries(type).find(([, number]) => number === kind)?.[0]
        this.seen.push(`${name} ${body.readUInt32BE(0)}`)
      },
      data: (stream, part, last) => this.seen.push(`data ${stream} ${part.toString()}${last ? '.' : ''}`),
    })
    wire.on('data', (chunk: Buffer) => frames.push(chunk))
    wire.on('error', () => undefined)
  }

  serve(onStream: (stream: SpdyStream) => void = () => undefined): this {
    serveSpdy(this.transport, {
      onStream: (stream) => {
        onStream(stream)
        this.streams.push(stream)
      },
      onClose: () => this.seen.push('closed'),
    })
    return this
  }

  async open(headers: Record<string, string>): Promise<number> {
    const id = this.#next
    this.#next += 2
    const block = await this.#headers.write(headers)
    this.wire.write(controlFrame(type.synStream, Buffer.concat([words(id, 0), Buffer.alloc(2), block])))
    return id
  }

  async until(text: string): Promise<void> {
    while (!this.seen.includes(text)) await once(this.wire, 'data')
  }
}
