import type { IncomingMessage } from 'node:http'
import { Agent, type AgentOptions, type RequestOptions, request as httpsRequest } from 'node:https'
import { ApiError, type StatusDetails } from './client.ts'

/** How to reach an API server and as whom. Certificates and keys are PEM texts. */
export interface Connection {
  /** `https://192.168.50.2:6443` */
  server: string
  ca?: string
  cert?: string
  key?: string
  /** A bearer token, or a way to get the current one: mounted tokens are renewed in place. */
  token?: string | (() => string)
}

export interface Call {
  method: string
  path: string
  query?: Record<string, string | number | boolean | undefined>
  body?: object
  contentType?: string
}

const answerTimeoutMs = 30_000
const answerLimit = 512 * 1024 * 1024

/** More at once would each have to shake hands first, for which both sides need a few milliseconds: waiting for one that is open takes less. */
const connectionsForCalls = 8

/** HTTPS with connections that stay open. One of these serves all calls and watches of a client. */
export class Transport {
  readonly #calls: Agent
  readonly #streams: Agent
  readonly #url: URL
  readonly #token: (() => string) | undefined

  constructor({ server, ca, cert, key, token }: Connection) {
    this.#url = new URL(server)
    if (this.#url.protocol !== 'https:') throw new TypeError(`an API server is reached by https, not ${server}`)
    this.#token = typeof token === 'string' ? () => token : token
    const options: AgentOptions = {
      keepAlive: true,
      // A server that vanished without a word is noticed by the kernel, not waited for.
      keepAliveMsecs: 15_000,
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    }
    this.#calls = new Agent({ ...options, maxSockets: connectionsForCalls })
    this.#streams = new Agent(options)
  }

  /** The parsed answer. Refusals throw an ApiError; a server that is not there throws what the socket said. */
  async call(call: Call, signal: AbortSignal = AbortSignal.timeout(answerTimeoutMs)): Promise<unknown> {
    const response = await this.#answer(call, signal, this.#calls)
    const text = await textOf(response)
    return text === '' ? undefined : JSON.parse(text)
  }

  /** The answer as a stream, once its status says success. */
  open(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#answer(call, signal, this.#streams)
  }

  close(): void {
    this.#calls.destroy()
    this.#streams.destroy()
  }

  async #answer(call: Call, signal: AbortSignal, agent: Agent): Promise<IncomingMessage> {
    let response: IncomingMessage
    try {
      response = await this.#send(call, signal, agent)
    } catch (error) {
      // The server closed a kept connection at the moment it was used: nothing was processed, so once more on a fresh one.
      if (!(error instanceof StaleConnection)) throw error
      response = await this.#send(call, signal, agent)
    }
    const { statusCode = 0 } = response
    if (statusCode >= 200 && statusCode < 300) return response
    throw refusal(statusCode, await textOf(response))
  }

  #send({ method, path, query, body, contentType }: Call, signal: AbortSignal, agent: Agent): Promise<IncomingMessage> {
    const params = new URLSearchParams()
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) params.set(name, String(value))
    const search = params.size === 0 ? '' : `?${params.toString()}`
    const text = body === undefined ? undefined : JSON.stringify(body)
    const options: RequestOptions = {
      agent,
      method,
      host: this.#url.hostname.replace(/^\[|\]$/g, ''),
      port: this.#url.port || 443,
      path: `${this.#url.pathname.replace(/\/$/, '')}${path}${search}`,
      headers: {
        accept: 'application/json',
        'user-agent': 'kubehop',
        ...(text !== undefined && {
          'content-type': contentType ?? 'application/json',
          'content-length': Buffer.byteLength(text),
        }),
        ...(this.#token && { authorization: `Bearer ${this.#token()}` }),
      },
      signal,
    }
    return new Promise((resolve, reject) => {
      const request = httpsRequest(options, resolve)
      request.on('error', (error: NodeJS.ErrnoException) => {
        const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        reject(stale ? new StaleConnection(error.message, { cause: error }) : error)
      })
      request.end(text)
    })
  }
}

class StaleConnection extends Error {}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > answerLimit) throw new RangeError(`the API server's answer is longer than ${answerLimit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function refusal(code: number, text: string): ApiError {
  try {
    const status = JSON.parse(text) as { kind?: string; reason?: string; message?: string; details?: StatusDetails }
    if (status.kind === 'Status')
      return new ApiError(code, status.reason ?? 'Unknown', status.message ?? `HTTP ${code}`, status.details)
  } catch (error) {
    // Something between us and the server answered in its own words; they go into the message below.
    if (!(error instanceof SyntaxError)) throw error
  }
  return new ApiError(code, 'Unknown', `HTTP ${code}: ${text.slice(0, 500)}`)
}
