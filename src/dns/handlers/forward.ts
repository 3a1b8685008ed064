import type { Forwarder } from '../forward/forward.ts'
import { flags } from '../wire/message.ts'
import type { Query } from '../wire/query.ts'
import type { Handler, Said } from './handler.ts'

/** All other names are asked of name servers outside. */
export function forwardHandler(forward: Forwarder): Handler {
  return {
    name: 'forward',
    handle(query: Query) {
      const unchecked = (query.bytes.readUInt16BE(2) & flags.CD) !== 0
      const asked = { name: query.name, type: query.type, dnssec: query.opt?.dnssec === true, unchecked }
      const reply = forward.ask(asked)
      return reply instanceof Promise ? reply.then(said) : said(reply)
    },
  }
}

function said(reply: Extract<Said, { reply: unknown }>['reply']): Said {
  return { reply, from: 'upstream' }
}
