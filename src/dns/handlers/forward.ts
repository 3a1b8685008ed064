import type { Forwarder } from '../forward/forward.ts'
import { flags } from '../wire/message.ts'
import type { Query } from '../wire/query.ts'
import type { Asker, Handler, Said } from './handler.ts'

/** All other names are asked of name servers outside. */
export function forwardHandler(forwarder: Forwarder): Handler {
  return {
    name: 'forward',
    handle: (query: Query, asker: Asker) =>
      forwarder.takes(query.name) ? forwarded(forwarder, query, asker) : undefined,
  }
}

/** Without a promise when the answer is kept. */
export function forwarded(forwarder: Forwarder, query: Query, asker: Asker): Said | Promise<Said> {
  const { key, name, type, opt } = query
  const unchecked = (query.bytes.readUInt16BE(2) & flags.CD) !== 0
  return forwarder.ask({ key, name, type, dnssec: opt?.dnssec === true, unchecked }, asker)
}
