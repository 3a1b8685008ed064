import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { KubehopError } from '../../base/errors.ts'
import type { Digest } from '../digest.ts'
import { connectionFailure, failure } from './failures.ts'
import type { Reply } from './exchange.ts'
import type { PullLimits } from './limits.ts'
import type { Registry } from './registry.ts'

export interface Blob {
  digest: Digest
  size: number
}

export interface DownloadOptions {
  limits: PullLimits
  signal: AbortSignal
  onBytes: (received: number) => void
  onRetry: (because: KubehopError) => void
}

/** Where a new try may help: the same bytes are as good from another connection. */
const passing = new Set(['NoHost', 'Unreachable', 'TooSlow', 'RegistryError', 'BadAnswer'])

/**
 * A blob as a new file, which is exactly what its digest says. What breaks off goes on where it ended, a bounded number of times.
 * @throws KubehopError `BadDigest`, `TooLarge`, or what the last try said
 */
export async function download(
  registry: Registry,
  { digest, size }: Blob,
  path: string,
  options: DownloadOptions,
): Promise<void> {
  const { limits, signal } = options
  const hash = createHash('sha256')
  await using file = await open(path, 'wx', 0o600)
  let received = 0
  for (let tried = 1; received < size || tried === 1; tried++) {
    try {
      for await (const chunk of rest(registry, { digest, size }, received, options)) {
        await file.writeFile(chunk)
        hash.update(chunk)
        received += chunk.length
        options.onBytes(received)
      }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof KubehopError) || !passing.has(error.code)) throw error
      if (tried >= limits.tries)
        throw failure(
          error.code,
          `${digest} broke off after ${received} of ${size} bytes, ${tried} times: ${error.plain}`,
          error,
        )
      options.onRetry(error)
      await wait(limits.retryMs * 2 ** (tried - 1), undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
  const is = `sha256:${hash.digest('hex')}`
  if (is !== digest)
    throw failure('BadDigest', `${registry.host} sends ${is} in the place of ${digest}: nothing of it is kept`)
}

/** The bytes from `from` on, and no more than there may be. */
async function* rest(
  registry: Registry,
  { digest, size }: Blob,
  from: number,
  { limits, signal }: DownloadOptions,
): AsyncGenerator<Buffer> {
  const headers: Record<string, string> = from === 0 ? {} : { range: `bytes=${from}-` }
  const reply = await registry.get(`blobs/${digest}`, `blob ${digest}`, { headers, signal })
  const begin = beginOf(reply, from)
  const length = reply.message.headers['content-length']
  let at = begin
  try {
    if (length !== undefined && Number(length) !== size - begin)
      throw failure(
        'BadDigest',
        `${reply.url.host} has ${begin + Number(length)} bytes for ${digest}, and its manifest says ${size}`,
      )
    for await (const chunk of steady(reply, limits)) {
      if (at + chunk.length > size)
        throw failure(
          'TooLarge',
          `${reply.url.host} sends more for ${digest} than the ${size} bytes that its manifest says`,
        )
      // Who cannot begin in the middle sends again what is there.
      const known = Math.min(Math.max(from - at, 0), chunk.length)
      at += chunk.length
      if (known < chunk.length) yield chunk.subarray(known)
    }
    if (at < size) throw failure('BadAnswer', `${reply.url.host} ends ${digest} after ${at} of ${size} bytes`)
  } catch (error) {
    throw signal.aborted ? signal.reason : connectionFailure(error, reply.url)
  } finally {
    reply.message.destroy()
  }
}

/** Where in the blob an answer begins. */
function beginOf({ status, message, url }: Reply, from: number): number {
  if (status === 200) return 0
  const range = /^bytes (\d+)-/.exec(message.headers['content-range'] ?? '')
  if (Number(range?.[1]) === from) return from
  message.destroy()
  throw failure('BadAnswer', `${url.host} sends another part of the blob than was asked for`)
}

/** Ends with an error when too little comes. */
async function* steady({ message, url }: Reply, { slowMs, slowBytes }: PullLimits): AsyncGenerator<Buffer> {
  let inTime = 0
  const watch = setInterval(() => {
    if (inTime < slowBytes)
      message.destroy(failure('TooSlow', `${url.host} sends less than ${slowBytes} bytes in ${slowMs / 1000} s`))
    inTime = 0
  }, slowMs)
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      inTime += chunk.length
      yield chunk
    }
  } finally {
    clearInterval(watch)
  }
}
