import { labelsOf, type Query } from '../wire/query.ts'
import { findReverse, wholeAddress } from '../zone/pointers.ts'
import { arpa, readReverse } from '../zone/reverse.ts'
import type { Zone } from '../zone/zone.ts'
import { foundBy } from './found.ts'
import { type Handler, notYet } from './handler.ts'
import type { ReadyAnswers } from './ready.ts'

export interface ReverseParts {
  readonly zone: Zone
  readonly synced: () => boolean
  readonly ready: ReadyAnswers
}

/** Names of addresses: those that services and endpoints have, and all in the ranges that are the cluster's alone. */
export function reverseHandler({ zone, synced, ready }: ReverseParts): Handler {
  const say = foundBy('reverse', zone, ready)
  return {
    name: 'reverse',
    handle(query: Query) {
      if (!query.name.endsWith(arpa)) return undefined
      const labels = labelsOf(query.name)
      const found = findReverse(zone, labels, query.type)
      // Any address may turn out to be an endpoint's.
      if (!synced() && (found.kind !== 'not ours' || wholeAddress(readReverse(labels)) !== undefined)) return notYet
      return found.kind === 'not ours' || found.kind === 'alias' ? undefined : say(query, labels, found)
    },
  }
}
