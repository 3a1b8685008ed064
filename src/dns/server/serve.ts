import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Metrics } from './metrics.ts'
import type { Asker } from '../handlers/handler.ts'
import type { Reaction, Responder } from './responder.ts'

/** Takes one message; `answer` is called once, with undefined when the message gets none. Never throws. */
export type Serve = (bytes: Buffer, asker: Asker, answer: (reply: Buffer | undefined) => void) => void

/** The responder with counting around it. A defect that a message uncovers costs that message its answer, nothing else. */
export function serveWith(responder: Pick<Responder, 'react'>, metrics: Metrics, log: Log): Serve {
  return (bytes, asker, answer) => {
    const start = performance.now()
    const done = (reply: Buffer | undefined): void => {
      metrics.count(asker, bytes, reply, performance.now() - start)
      answer(reply)
    }
    const fail = (error: unknown): void => {
      log.error({ error: messageOf(error), query: bytes.toString('hex', 0, 300) }, 'no answer could be made')
      answer(undefined)
    }
    let reaction: Reaction
    try {
      reaction = responder.react(bytes, asker)
    } catch (error) {
      return fail(error)
    }
    if (reaction instanceof Promise) reaction.then(done, fail)
    else done(reaction)
  }
}
