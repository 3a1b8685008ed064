import { family } from '../../base/address.ts'
import { makeAnswer } from '../answer/answer.ts'
import type { Hosts } from '../hosts/hosts.ts'
import { type Data, rcodes, types } from '../wire/message.ts'
import { labelsOf, nameOf, type Query } from '../wire/query.ts'
import { wholeAddress } from '../zone/pointers.ts'
import { readReverse } from '../zone/reverse.ts'
import { nameText } from './ask.ts'
import type { Asker, Handler, Said } from './handler.ts'

/**
 * Names of a hosts file: their addresses, and the names of these. Of other types such a name may have what `others` say, but never that there is no such
 * name: a resolver may believe that of all types at once (RFC 8020).
 */
export function hostsHandler(hosts: Hosts, others: (query: Query, asker: Asker) => Promise<Said | undefined>): Handler {
  return {
    name: 'hosts',
    handle(query: Query, asker: Asker) {
      const { ttl, table } = hosts
      const found = table.addressesOf(query.name)
      if (found && (query.type === types.A || query.type === types.AAAA)) {
        const wanted = query.type === types.A ? 4 : 6
        const type = query.type === types.A ? 'A' : 'AAAA'
        const addresses = found.values.filter((address) => family(address) === wanted)
        const data = addresses.map((address) => ({ type, address }) as const)
        return say(query, data, ttl, found.from)
      }
      if (found) return others(query, asker).then((said) => existing(query, said, found.from))
      const address = query.type === types.PTR ? wholeAddress(readReverse(labelsOf(query.name))) : undefined
      const pointed = address === undefined ? undefined : table.namesOf(address)
      if (!pointed) return undefined
      const data = pointed.values.map((target) => ({ type: 'PTR', target }) as const)
      return say(query, data, ttl, pointed.from)
    },
  }
}

function say(query: Query, data: readonly Data[], ttl: number, from: string): Said {
  const name = nameText(query)
  const answers = data.map((one) => ({ name, class: 1, ttl, ...one }))
  return { answer: makeAnswer(nameOf(query), { answers }), authoritative: true, from }
}

function existing(query: Query, said: Said | undefined, from: string): Said {
  const rcode = said && ('reply' in said ? said.reply.rcode : said.answer.rcode)
  return said && rcode !== rcodes.NXDOMAIN ? said : say(query, [], 0, from)
}
