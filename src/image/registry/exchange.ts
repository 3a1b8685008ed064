import { type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { version } from '../../base/version.ts'
import type { Agents } from './agents.ts'
import { connectionFailure, failure } from './failures.ts'
import type { PullLimits } from './limits.ts'

export interface Asked {
  method?: 'GET' | 'POST'
  headers?: OutgoingHttpHeaders
  body?: string
}

/** The head of an answer; its body is still to come. */
export interface Reply {
  status: number
  message: IncomingMessage
  /** Who has answered. */
  url: URL
}

/** One request and the head of its answer, whatever that says. @throws KubehopError what `connectionFailure` tells, `TooSlow`; or the signal's reason */
export function exchange(
  url: URL,
  { method = 'GET', headers = {}, body }: Asked,
  { agents, limits, signal }: { agents: Agents; limits: PullLimits; signal: AbortSignal },
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const ask = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = ask(url, {
      method,
      // As it lies there: what is packed for the way has another digest.
      headers: { 'user-agent': `kubehop/${version}`, 'accept-encoding': 'identity', ...headers },
      agent: agents.for(url),
      // For the connection through a proxy, which nothing else ends.
      timeout: limits.connectMs,
      signal,
    })
    // A request that waits for a proxy does not say when it is destroyed.
    const fail = (error: unknown): void => {
      done()
      reject(error)
      request.destroy()
    }
    const slow = (ms: number, what: string): NodeJS.Timeout =>
      setTimeout(() => fail(failure('TooSlow', `${url.host} ${what} within ${ms / 1000} s`)), ms)
    let timer: NodeJS.Timeout | undefined = slow(limits.connectMs, 'takes no request')
    const abort = (): void => fail(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    const done = (): void => {
      clearTimeout(timer)
      timer = undefined
      signal.removeEventListener('abort', abort)
    }
    request.once('finish', () => {
      if (timer === undefined) return
      clearTimeout(timer)
      timer = slow(limits.answerMs, 'does not answer')
    })
    request.once('response', (message) => {
      done()
      resolve({ status: message.statusCode ?? 0, message, url })
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) return fail(signal.reason)
      // The server had closed it meanwhile, which nobody notices before it is used again.
      const stale = request.reusedSocket && error.code === 'ECONNRESET' && timer !== undefined
      if (!stale) return fail(connectionFailure(error, url))
      done()
      resolve(exchange(url, { method, headers, ...(body !== undefined && { body }) }, { agents, limits, signal }))
    })
    request.end(body)
  })
}

/** All of a small answer. @throws KubehopError `TooLarge`, `TooSlow`, `Unreachable`; or the signal's reason */
export async function readAll(
  { message, url }: Reply,
  most: number,
  what: string,
  { limits, signal }: { limits: PullLimits; signal: AbortSignal },
): Promise<Buffer> {
  // Of all of it: who sends a byte now and then would never be done.
  const late = failure('TooSlow', `${url.host} does not come to the end of ${what} within ${limits.answerMs / 1000} s`)
  const timer = setTimeout(() => message.destroy(late), limits.answerMs)
  try {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of message as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > most) throw failure('TooLarge', `${what} of ${url.host} has more than ${most} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    throw signal.aborted ? signal.reason : connectionFailure(error, url)
  } finally {
    clearTimeout(timer)
  }
}

/** Of a body that nobody wants: a little is read, so that its connection can be used again. */
export function discard({ message }: Reply): void {
  message.once('error', () => undefined)
  if (Number(message.headers['content-length']) <= 2 ** 14) message.resume()
  else message.destroy()
}
