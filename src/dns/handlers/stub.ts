import type { Stubs } from '../forward/stubs.ts'
import type { Query } from '../wire/query.ts'
import { forwarded } from './forward.ts'
import type { Asker, Handler } from './handler.ts'

/** Names in domains that have name servers of their own are asked there. */
export function stubHandler(stubs: Stubs): Handler {
  return {
    name: 'stub',
    handle(query: Query, asker: Asker) {
      const forwarder = stubs.find(query.name)
      return forwarder && forwarded(forwarder, query, asker)
    },
  }
}
