import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Bytes flow both ways; what one side has sent is delivered before its end is, and a side that vanished takes the other along. */
export function joined(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pipe(to)
    from.once('error', () => to.destroy())
    from.once('close', () => to.destroySoon())
  }
}

/** Headers of one connection, which are not the next one's (RFC 9110, 7.6.1). */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'te',
  'trailer',
])

export function relayHead(answer: IncomingMessage, response: ServerResponse): void {
  const headers = Object.entries(answer.headers).filter(([name]) => !hopByHop.has(name))
  response.writeHead(answer.statusCode ?? 502, Object.fromEntries(headers))
  response.flushHeaders()
}

/** The head of an answer as text, for a connection that is upgraded or refused. */
export function headOf(answer: IncomingMessage, without: ReadonlySet<string> = new Set(), ...more: string[]): string {
  const { statusCode, statusMessage, rawHeaders } = answer
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`]
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (!without.has((rawHeaders[at] ?? '').toLowerCase())) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`)
  return `${[...lines, ...more].join('\r\n')}\r\n\r\n`
}
