import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Asker } from '../handlers/handler.ts'
import { InFlight } from './in-flight.ts'
import type { Metrics } from './metrics.ts'
import type { QueryLog } from './query-log.ts'
import type { Reaction, Responder, Told } from './responder.ts'

/** Takes one message; `answer` is called once, with undefined when the message gets none. Never throws. */
export type Serve = (bytes: Buffer, asker: Asker, answer: (reply: Buffer | undefined) => void) => void

export interface Around {
  readonly queryLog?: QueryLog
  readonly inFlight?: InFlight
}

/**
 * One message in so many is timed and stands for those after it: they are answered in microseconds, of which the clock would be a notable part. What
 * waits for somebody else is timed itself.
 */
const timedEvery = 16
/** An answer that is only a header: its question could not be read. */
const headerLength = 12

/** The responder with counting around it. A defect that a message uncovers costs that message its answer, nothing else. */
export function serveWith(
  responder: Pick<Responder, 'react'>,
  metrics: Metrics,
  log: Log,
  { queryLog, inFlight = new InFlight() }: Around = {},
): Serve {
  const counted: Told = (query, asker, by, said, reply) => metrics.answered(query, asker, by, said, reply)
  const logged = (queryLog: QueryLog, start: number): Told => {
    return (query, asker, by, said, reply) => {
      metrics.answered(query, asker, by, said, reply)
      queryLog.write({ query, asker, by, said, reply, milliseconds: performance.now() - start })
    }
  }
  const failed = (error: unknown, bytes: Buffer | undefined): void => {
    metrics.panicked()
    log.error({ error: messageOf(error), query: bytes?.toString('hex', 0, 300) }, 'no answer could be made')
  }
  let untilTimed = 1

  return (bytes, asker, answer) => {
    const logging = queryLog !== undefined && queryLog.mode !== 'off'
    const timed = logging || --untilTimed <= 0
    const start = timed ? performance.now() : 0
    inFlight.begin()
    let reaction: Reaction
    try {
      reaction = responder.react(bytes, asker, logging ? logged(queryLog, start) : counted)
    } catch (error) {
      failed(error, bytes)
      answer(undefined)
      inFlight.end()
      return
    }
    if (reaction instanceof Promise) {
      const began = timed ? start : performance.now()
      const done = (reply: Buffer): void => {
        metrics.waited((performance.now() - began) / 1000)
        answer(reply)
      }
      const fail = (error: unknown): void => {
        // The message's bytes may be another's by now.
        failed(error, undefined)
        answer(undefined)
      }
      void reaction.then(done, fail).finally(() => inFlight.end())
      return
    }
    if (reaction === undefined) metrics.dropped()
    else {
      if (reaction.length === headerLength) metrics.refused(asker, bytes.length, reaction)
      if (timed) {
        metrics.took((performance.now() - start) / 1000)
        untilTimed = timedEvery
      } else metrics.tookAsLong()
    }
    answer(reaction)
    inFlight.end()
  }
}
