import { constants, inflateRawSync } from 'node:zlib'
import { KubehopError } from '../../base/errors.ts'
import { dictionary } from './dictionary.ts'

/** How far back deflate refers. */
const windowSize = 32 * 1024
/** Streams of Kubernetes have four headers. */
const largestBlock = 64 * 1024
/** The beginning of a zlib stream that needs {@link dictionary} (RFC 1950, 2.2): the method, the flag, the dictionary's Adler-32. */
const beginning = Buffer.from('78bbe3c6a7c2', 'hex')

/**
 * Reads the header blocks of one direction of a connection. All are one zlib stream, flushed after each block; since every flush ends at a
 * byte, each is inflated by itself, with what came before as the dictionary.
 */
export class HeaderReader {
  #window: Buffer = dictionary
  #begun = false

  /** Names are in lower case. Throws Invalid. */
  read(block: Buffer): Map<string, string> {
    const compressed = this.#begun ? block : afterBeginning(block)
    this.#begun = true
    const options = { dictionary: this.#window, finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: largestBlock }
    let plain: Buffer
    try {
      plain = inflateRawSync(compressed, options)
    } catch (error) {
      throw wrong('headers cannot be inflated', error)
    }
    this.#window = Buffer.concat([this.#window, plain]).subarray(-windowSize)
    return pairsIn(plain)
  }
}

/** The header block without headers, as the first or a later one of its direction. Stored, not compressed: there is nothing to gain. */
export function noHeaders(first: boolean): Buffer {
  // Deflate blocks (RFC 1951, 3.2.4): one of four bytes, the count 0; and an empty one, which is what makes the reader deliver it.
  const blocks = Buffer.from('000400fbff00000000000000ffff', 'hex')
  return first ? Buffer.concat([beginning, blocks]) : blocks
}

function afterBeginning(block: Buffer): Buffer {
  const [method = 0, flags = 0] = block
  const deflates = (method & 0x0f) === 8 && ((method << 8) | flags) % 31 === 0
  if (!deflates || (flags & 0x20) === 0 || !block.subarray(2, 6).equals(beginning.subarray(2)))
    throw wrong('the headers are not compressed with the dictionary of SPDY/3')
  return block.subarray(6)
}

function pairsIn(plain: Buffer): Map<string, string> {
  const pairs = new Map<string, string>()
  let at = 0
  const number = (): number => {
    if (at + 4 > plain.length) throw wrong('headers are cut off')
    at += 4
    return plain.readUInt32BE(at - 4)
  }
  const text = (): string => {
    const length = number()
    if (at + length > plain.length) throw wrong('headers are cut off')
    at += length
    return plain.toString('utf8', at - length, at)
  }
  const count = number()
  for (let index = 0; index < count; index++) {
    const name = text().toLowerCase()
    pairs.set(name, text())
  }
  return pairs
}

export function wrong(say: string, cause?: unknown): KubehopError {
  return new KubehopError('node', 'spdy', 'Invalid', say, { cause })
}
