import { pipeline, Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { Limits } from './limits.ts'
import { refuse } from './refuse.ts'

/** Plain bytes of a stream that is gzip, zstd or neither, as its first bytes say. `what` names it in errors. */
export async function* decompress(source: AsyncIterable<Buffer>, what: string, limits: Limits): AsyncGenerator<Buffer> {
  const { first, all } = await peek(source)
  const unpacker = isGzip(first) ? createGunzip() : isZstd(first) ? createZstdDecompress() : undefined
  if (!unpacker) return yield* all
  let [packed, plain] = [0, 0]
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of all) {
      packed += chunk.length
      yield chunk
    }
  }
  try {
    // What fails in the pipeline comes out of its last stream, below.
    pipeline(Readable.from(counted()), unpacker, () => undefined)
    for await (const chunk of unpacker as AsyncIterable<Buffer>) {
      plain += chunk.length
      if (plain > limits.ratioFrom && plain > packed * limits.ratio)
        throw refuse('TooLarge', `${what} becomes more than ${limits.ratio} times as large when unpacked: no more is`)
      yield chunk
    }
  } catch (error) {
    throw explained(error, what)
  }
}

/** Whether a stream that begins so is unpacked by {@link decompress}. */
export const isPacked = (first: Buffer): boolean => isGzip(first) || isZstd(first)

const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b
const isZstd = (bytes: Buffer): boolean => bytes.length >= 4 && bytes.readUInt32LE() === 0xfd2fb528

async function peek(source: AsyncIterable<Buffer>): Promise<{ first: Buffer; all: AsyncGenerator<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]()
  let first: Buffer = Buffer.alloc(0)
  while (first.length < 4) {
    const next = await iterator.next()
    if (next.done === true) break
    first = Buffer.concat([first, next.value])
  }
  const all = async function* (): AsyncGenerator<Buffer> {
    try {
      if (first.length > 0) yield first
      for (;;) {
        const next = await iterator.next()
        if (next.done === true) return
        yield next.value
      }
    } finally {
      await iterator.return?.()
    }
  }
  return { first, all: all() }
}

function explained(error: unknown, what: string): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (code === 'Z_BUF_ERROR' || code === 'ZSTD_error_srcSize_wrong')
    return refuse('Truncated', `${what} ends too early: it was cut short; make it again`, error)
  if (/^(Z_|ZSTD_|ERR_ZLIB)/.test(code))
    return refuse('Damaged', `${what} is damaged and cannot be unpacked; make it again`, error)
  return error
}
