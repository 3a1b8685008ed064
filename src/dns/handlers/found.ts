import { makeAnswer } from '../answer/answer.ts'
import { Negatives } from '../answer/negative.ts'
import { nameOf, type Query } from '../wire/query.ts'
import type { Found, Zone } from '../zone/zone.ts'
import type { HandlerName, Said } from './handler.ts'
import type { ReadyAnswers } from './ready.ts'

/** Says what the zone has of a name. What has an owner is kept ready until that changes. */
export type SayFound = (
  query: Query,
  labels: readonly string[],
  found: Exclude<Found, { kind: 'alias' | 'not ours' }>,
) => Said

export function foundBy(by: HandlerName, zone: Zone, ready: ReadyAnswers): SayFound {
  const negatives = new Negatives(zone)
  return (query, labels, found) => {
    if (found.kind === 'records') {
      const said = { answer: makeAnswer(nameOf(query), found), authoritative: true, from: found.from }
      if (found.owner) ready.keep(query, found.owner, { ...said, by })
      return said
    }
    if (found.owner && found.kind === 'no data') ready.keep(query, found.owner, 'no data')
    return { answer: negatives.answer(query, found, labels), authoritative: true, from: found.kind }
  }
}
