import { refuse } from '../refuse.ts'

/** Takes a stream of chunks in pieces of the wanted length. */
export class ByteReader {
  readonly #source: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)
  /** How many bytes were taken. */
  position = 0

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Exactly so many bytes; undefined when the stream has ended before the first of them. */
  async take(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = []
    let missing = length
    while (missing > 0) {
      const part = await this.#some(missing)
      if (!part) {
        if (missing === length) return undefined
        throw refuse('Truncated', 'the tar archive ends in the middle of an entry: it was cut short; make it again')
      }
      parts.push(part)
      missing -= part.length
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts)
  }

  /** So many bytes, chunk by chunk. */
  async *chunks(length: number, name: string): AsyncGenerator<Buffer> {
    let missing = length
    while (missing > 0) {
      const part = await this.#some(missing)
      if (!part) throw refuse('Truncated', `the tar archive ends within ${name}: it was cut short; make it again`)
      missing -= part.length
      yield part
    }
  }

  /** Reads to the end, so that who hashes the stream has seen all of it. */
  async drain(): Promise<void> {
    while (await this.#some(Number.MAX_SAFE_INTEGER));
  }

  /** Lets the stream go, wherever it is. */
  async end(): Promise<void> {
    await this.#source.return?.()
  }

  async #some(most: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#source.next()
      if (next.done === true) return undefined
      this.#rest = next.value
    }
    const part = this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(part.length)
    this.position += part.length
    return part
  }
}
