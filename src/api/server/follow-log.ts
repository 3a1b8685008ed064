import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../base/errors.ts'
import type { Exchange } from './exchange.ts'
import { relayHead } from './relay.ts'

/** Where the answer began; the agent's own word for it. */
const positionHeader = 'x-kubehop-log-position'
const retryMs = 250
/** An agent that is replaced is back sooner. */
const patienceMs = 60_000

/**
 * A container's log, followed to its end. When the agent goes away in the middle, the next one is asked for the rest: from the same beginning,
 * without the bytes that the client has. `ask` rejects when there is no agent, or it refuses.
 */
export async function followLog(
  { response, log }: Exchange,
  path: string,
  ask: (path: string) => Promise<IncomingMessage>,
): Promise<void> {
  let answer = await ask(path)
  const position = answer.headers[positionHeader]
  delete answer.headers[positionHeader]
  relayHead(answer, response)
  response.once('close', () => answer.destroy())
  let sent = 0
  for (;;) {
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        sent += chunk.length
        if (response.destroyed) return
        if (!response.write(chunk)) await drained(response)
      }
      response.end()
      return
    } catch (error) {
      log.debug({ path, error: messageOf(error) }, 'a log that is followed broke off')
    } finally {
      answer.destroy()
    }
    const next = position === undefined ? undefined : await again(() => ask(`${path}&resume=${position}&skip=${sent}`))
    if (!next) return void response.destroy()
    answer = next
  }

  async function again(next: () => Promise<IncomingMessage>): Promise<IncomingMessage | undefined> {
    const end = Date.now() + patienceMs
    // Nothing tells when an agent listens again.
    while (!response.destroyed && Date.now() < end) {
      try {
        return await next()
      } catch (error) {
        log.debug({ path, error: messageOf(error) }, 'the next agent is not there yet')
        await sleep(retryMs)
      }
    }
    return undefined
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}
