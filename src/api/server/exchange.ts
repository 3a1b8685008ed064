import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/errors.ts'
import { ApiError } from '../client/client.ts'
import type { User } from './users.ts'

/** One request and what has been found out about it. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly path: string
  readonly query: URLSearchParams
  readonly user: User
  readonly log: Log
  /** Adds a Warning header (RFC 7234, 299), which kubectl prints. */
  readonly warn: (text: string) => void
}

export function send(response: ServerResponse, code: number, body: object): void {
  sendText(response, code, JSON.stringify(body))
}

export function sendText(response: ServerResponse, code: number, text: string, type = 'application/json'): void {
  response.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** One object a line. A refusal before the first line is told by the status; one after it breaks off the answer. */
export async function sendLines(response: ServerResponse, lines: AsyncGenerator<object>): Promise<void> {
  try {
    for await (const line of lines) {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      if (response.destroyed) return
      if (!response.write(`${JSON.stringify(line)}\n`))
        await Promise.race([once(response, 'drain'), once(response, 'close')])
    }
    response.end()
  } catch (error) {
    if (response.headersSent) response.destroy()
    throw error
  }
}

/** Kubernetes' Status object for what was thrown; what is nobody's refusal is ours, and logged. */
export function statusOf(error: unknown, log: Log): { code: number; body: object } {
  if (error instanceof ApiError) return { code: error.code, body: status(error) }
  log.error({ error: messageOf(error), stack: error instanceof Error ? error.stack : undefined }, 'a request failed')
  return { code: 500, body: status(new ApiError(500, 'InternalError', `Internal error occurred: ${messageOf(error)}`)) }
}

export function status({ code, reason, message, details }: ApiError): object {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details && { details }),
    code,
  }
}

export function sendError(response: ServerResponse, error: unknown, log: Log): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const { code, body } = statusOf(error, log)
  // A body that was refused is not read to its end; the connection cannot be used again.
  if (code === 413) response.setHeader('connection', 'close')
  if (code === 401) response.setHeader('www-authenticate', 'Bearer realm="kubehop"')
  send(response, code, body)
}
