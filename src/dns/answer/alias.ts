import { nameText, questionFor } from '../handlers/ask.ts'
import type { Said } from '../handlers/handler.ts'
import { type ResourceRecord, rcodes, types } from '../wire/message.ts'
import { wireName } from '../wire/name.ts'
import { labelsOf, nameOf, type Query } from '../wire/query.ts'
import type { Found, Zone } from '../zone/zone.ts'
import { makeAnswer, type Sections } from './answer.ts'
import { sectionsOf } from './sections.ts'

/** Says what a name that is not in the zone means; undefined: nobody knows it. */
export type Outside = (query: Query) => Promise<Said | undefined>

type Alias = Extract<Found, { kind: 'alias' }>

/** Aliases that point to aliases: more than this is a circle. */
const deepest = 8

/**
 * An ExternalName service's answer: its CNAME, then what the target says, here or outside. The code is the last name's (RFC
 * 6604). When nobody knows a name outside, the CNAME is all there is.
 */
export async function followAlias(query: Query, { from, target }: Alias, zone: Zone, outside: Outside): Promise<Said> {
  const { ttl } = zone.options
  const chain: ResourceRecord[] = []
  const done = (sections: Partial<Sections>, rcode: number = rcodes.NOERROR, truncated = false): Said => ({
    answer: makeAnswer(nameOf(query), { ...sections, answers: [...chain, ...(sections.answers ?? [])] }, rcode),
    authoritative: true,
    truncated,
    from,
  })
  let owner = nameText(query)
  for (let next = target; chain.length < deepest; ) {
    chain.push({ name: owner, class: 1, ttl, type: 'CNAME', target: next })
    if (query.type === types.CNAME || query.type === types.ANY) return done({})
    const name = wireName(next) ?? '\0'
    const labels = labelsOf(name)
    const found = zone.find(labels, query.type)
    switch (found.kind) {
      case 'alias':
        owner = next
        next = found.target
        continue
      case 'records':
        return done(found)
      case 'no data':
      case 'no such name': {
        const soa = zone.soa(labels.slice(labels.length - found.apex).join('.'))
        return done({ authorities: [soa] }, found.kind === 'no data' ? rcodes.NOERROR : rcodes.NXDOMAIN)
      }
      case 'not ours': {
        const question = questionFor(name, query)
        const said = await outside(question)
        const spoken = said ? sectionsOf(question, said) : { sections: {}, rcode: rcodes.NOERROR, truncated: false }
        return spoken ? done(spoken.sections, spoken.rcode, spoken.truncated) : done({}, rcodes.SERVFAIL)
      }
    }
  }
  return { answer: makeAnswer(nameOf(query), { answers: [] }, rcodes.SERVFAIL), authoritative: true, from }
}
