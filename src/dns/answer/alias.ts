import type { Forwarder } from '../forward/forward.ts'
import { decodeMessage } from '../wire/codec.ts'
import { flags, type ResourceRecord, rcodes, types } from '../wire/message.ts'
import { nameToWire } from '../wire/name.ts'
import { labelsOf, type Query } from '../wire/query.ts'
import type { Zone } from '../zone/zone.ts'
import { type Answer, makeAnswer, type Sections } from './answer.ts'

/** Aliases that point to aliases: more than this is a circle. */
const deepest = 8

/**
 * An ExternalName service's answer: its CNAME, then what the target says, here or upstream. The code is the last name's (RFC
 * 6604). Without an upstream the CNAME of a name outside is all there is.
 */
export async function followAlias(
  query: Query,
  target: string,
  zone: Zone,
  forward: Forwarder | undefined,
): Promise<{ answer: Answer; truncated: boolean }> {
  const { ttl } = zone.options
  const chain: ResourceRecord[] = []
  let from = labelsOf(query.name).join('.')
  const done = (sections: Partial<Sections>, rcode: number = rcodes.NOERROR, truncated = false) => ({
    answer: makeAnswer(
      query.bytes.subarray(12, query.end - 4),
      { ...sections, answers: [...chain, ...(sections.answers ?? [])] },
      rcode,
    ),
    truncated,
  })
  for (let next = target; chain.length < deepest; ) {
    chain.push({ name: from, class: 1, ttl, type: 'CNAME', target: next })
    if (query.type === types.CNAME || query.type === types.ANY) return done({})
    const name = wireText(next)
    const labels = labelsOf(name)
    const found = zone.find(labels, query.type)
    switch (found.kind) {
      case 'alias':
        from = next
        next = found.target
        continue
      case 'records':
        return done(found)
      case 'no data':
      case 'no such name': {
        const soa = zone.soa(labels.slice(labels.length - found.apex).join('.'))
        return done({ authorities: [soa] }, found.kind === 'no data' ? rcodes.NOERROR : rcodes.NXDOMAIN)
      }
      case 'not ours':
        return forward ? outside(name) : done({})
    }
  }
  return {
    answer: makeAnswer(query.bytes.subarray(12, query.end - 4), { answers: [] }, rcodes.SERVFAIL),
    truncated: false,
  }

  async function outside(name: string): Promise<{ answer: Answer; truncated: boolean }> {
    const unchecked = (query.bytes.readUInt16BE(2) & flags.CD) !== 0
    const reply = await forward?.ask({ name, type: query.type, dnssec: false, unchecked })
    const message = reply && decodeMessage(reply.bytes)
    if (!reply || !message) return done({}, rcodes.SERVFAIL)
    // Data of types that are not understood here may hold pointers into the message it came in.
    const known = (records: ResourceRecord[]): ResourceRecord[] => records.filter(({ type }) => type !== 'other')
    const sections = { answers: known(message.answers), authorities: known(message.authorities) }
    return done(sections, reply.rcode, reply.truncated)
  }
}

function wireText(name: string): string {
  return Buffer.from(nameToWire(name) ?? [0]).toString('latin1')
}
