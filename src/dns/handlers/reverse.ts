import { makeAnswer } from '../answer/answer.ts'
import { Negatives } from '../answer/negative.ts'
import { labelsOf, nameOf, type Query } from '../wire/query.ts'
import { findReverse, wholeAddress } from '../zone/pointers.ts'
import { readReverse } from '../zone/reverse.ts'
import type { Zone } from '../zone/zone.ts'
import { type Handler, notYet } from './handler.ts'
import type { ReadyAnswers } from './ready.ts'

export interface ReverseParts {
  readonly zone: Zone
  readonly synced: () => boolean
  readonly ready: ReadyAnswers
}

/** Names of addresses: those that services and endpoints have, and all in the ranges that are the cluster's alone. */
export function reverseHandler({ zone, synced, ready }: ReverseParts): Handler {
  const negatives = new Negatives(zone)
  return {
    name: 'reverse',
    handle(query: Query) {
      if (!query.name.endsWith(arpa)) return undefined
      const labels = labelsOf(query.name)
      const found = findReverse(zone, labels, query.type)
      // Any address may turn out to be an endpoint's.
      if (!synced() && (found.kind !== 'not ours' || wholeAddress(readReverse(labels)) !== undefined)) return notYet
      switch (found.kind) {
        case 'not ours':
        case 'alias':
          return undefined
        case 'records': {
          const said = { answer: makeAnswer(nameOf(query), found), authoritative: true, from: found.from }
          if (found.owner) ready.keep(query, found.owner, { ...said, by: 'reverse' })
          return said
        }
        default:
          return { answer: negatives.answer(query, found, labels), authoritative: true, from: found.kind }
      }
    },
  }
}

const arpa = '\x04arpa\0'
