import type { IncomingMessage, ServerResponse } from 'node:http'
import { factsPath, type MachineFacts } from './facts.ts'

/**
 * Answers `GET /kubehop/facts`; false when the request is for something else. Those who ask at once get one and the same answer, so that
 * asking often costs no more than one reading after the other.
 */
export function serveFacts(
  gather: () => Promise<MachineFacts>,
): (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean> {
  let running: Promise<string> | undefined
  return async (request, response, url) => {
    if (url.pathname !== factsPath) return false
    if (request.method !== 'GET') {
      response.writeHead(405, { allow: 'GET' }).end()
      return true
    }
    running ??= gather()
      .then((facts) => JSON.stringify(facts))
      .finally(() => {
        running = undefined
      })
    const text = await running
    response.writeHead(200, { 'content-type': 'application/json' }).end(text)
    return true
  }
}
