import { address } from '../../../src/base/address.ts'
import {
  replyTo,
  record,
  type Script,
  scriptedUpstream,
  type ScriptedUpstream,
} from '../../../src/dns/testing/upstream.ts'
import { type Data, flags, type ResourceRecord, rcodes, types } from '../../../src/dns/wire/message.ts'

/** The names of `interwebs.test`; there are no others in the world. */
export function interwebs(): Promise<ScriptedUpstream> {
  return scriptedUpstream(say)
}

const say: Script = (query, transport) => {
  const { name = '', type = 0 } = query.questions[0] ?? {}
  const key = name.toLowerCase()
  const word = flags.QR | flags.RA | (query.flags & (flags.RD | flags.CD))
  const reply = (answers: ResourceRecord[], more: { rcode?: number; flags?: number } = {}) => {
    const authorities = answers.length === 0 ? [soa] : []
    return [replyTo(query, answers, { flags: word, authorities, ...more })]
  }
  switch (key) {
    case 'ext.interwebs.test':
      return reply(addresses(name, type, 1))
    case 'many.interwebs.test':
      // More than fits where nothing was said about sizes.
      if (transport === 'udp' && type === types.A) return reply([], { flags: word | flags.TC })
      return reply(addresses(name, type, 60))
    case 'alias.interwebs.test':
      return reply([
        of(name, { type: 'CNAME', target: 'ext.interwebs.test' }),
        ...addresses('ext.interwebs.test', type, 1),
      ])
    default:
      return reply([], { rcode: rcodes.NXDOMAIN })
  }
}

function addresses(name: string, type: number, count: number): ResourceRecord[] {
  if (type === types.A) return Array.from({ length: count }, (_, at) => record(name, `192.0.2.${at + 1}`))
  return type === types.AAAA ? [of(name, { type: 'AAAA', address: address('2001:db8::1') })] : []
}

function of(name: string, data: Data): ResourceRecord {
  return { name, class: 1, ttl: 300, ...data }
}

const soa: ResourceRecord = {
  name: 'interwebs.test',
  class: 1,
  ttl: 60,
  type: 'SOA',
  mname: 'ns.interwebs.test',
  rname: 'root.interwebs.test',
  serial: 1,
  refresh: 7200,
  retry: 1800,
  expire: 86400,
  minimum: 60,
}
