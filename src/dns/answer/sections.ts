import { bytesNow } from '../forward/reply.ts'
import type { Said } from '../handlers/handler.ts'
import { decodeMessage } from '../wire/codec.ts'
import { flags, type ResourceRecord } from '../wire/message.ts'
import type { Query } from '../wire/query.ts'
import type { Sections } from './answer.ts'
import { compose } from './compose.ts'

export interface Spoken {
  readonly sections: Sections
  readonly rcode: number
  readonly truncated: boolean
}

/** What was said to `query` as records, which can stand in the answer to another question. undefined: it is malformed. */
export function sectionsOf(query: Query, said: Said): Spoken | undefined {
  const bytes = 'reply' in said ? bytesNow(said.reply) : compose(query, said.answer, 0, 0xffff)
  const message = decodeMessage(bytes)
  if (!message) return undefined
  const { rcode, truncated = false } = 'reply' in said ? said.reply : { ...said.answer, ...said }
  const sections = {
    answers: message.answers.filter(movable),
    authorities: message.authorities.filter(movable),
    additionals: message.additionals.filter(movable),
  }
  return { sections, rcode, truncated: truncated || (message.flags & flags.TC) !== 0 }
}

function movable(record: ResourceRecord): boolean {
  return record.type !== 'other' || !withNames.has(record.code)
}

/** Their data may hold pointers into the message that they came in (RFC 3597 section 4), which mean nothing in another one: MX, NAPTR, OPT and old ones. */
const withNames = new Set([3, 4, 7, 8, 9, 14, 15, 17, 18, 21, 24, 26, 30, 35, 36, 39, 41])
