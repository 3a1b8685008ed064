import { plainAnswer } from '../answer/plain.ts'
import type { LoopWatch } from '../forward/loop.ts'
import { rcodes } from '../wire/message.ts'
import type { Query } from '../wire/query.ts'
import type { Handler } from './handler.ts'

/** A question that was sent to an upstream and has come back ends here: before all others, or it would go round. */
export function loopHandler(loop: LoopWatch): Handler {
  const said = { answer: plainAnswer(rcodes.NXDOMAIN), authoritative: false, from: 'an upstream that loops' }
  return { name: 'forward', handle: ({ name, type }: Query) => (loop.came(name, type) ? said : undefined) }
}
