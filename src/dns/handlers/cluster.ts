import { followAlias } from '../answer/alias.ts'
import { makeAnswer } from '../answer/answer.ts'
import { Negatives } from '../answer/negative.ts'
import { labelsOf, nameOf, type Query } from '../wire/query.ts'
import type { Zone } from '../zone/zone.ts'
import { type Asker, type Handler, notYet, type Said } from './handler.ts'
import type { ReadyAnswers } from './ready.ts'

export interface ClusterParts {
  readonly zone: Zone
  /** Before it is true every answer about the cluster is SERVFAIL, for half a cluster must not look like a whole one. */
  readonly synced: () => boolean
  readonly ready: ReadyAnswers
  /** Resolves what an ExternalName means. */
  readonly outside: (query: Query, asker: Asker) => Promise<Said | undefined>
}

/** Names of services and pods. Answers about services are kept ready until an object they come from changes. */
export function clusterHandler({ zone, synced, ready, outside }: ClusterParts): Handler {
  const negatives = new Negatives(zone)
  return {
    name: 'cluster',
    handle(query: Query, asker: Asker) {
      const labels = labelsOf(query.name)
      const found = zone.find(labels, query.type)
      if (found.kind === 'not ours') return undefined
      if (!synced()) return notYet
      switch (found.kind) {
        case 'records': {
          const said = { answer: makeAnswer(nameOf(query), found), authoritative: true, from: found.from }
          if (found.owner) ready.keep(query, found.owner, { ...said, by: 'cluster' })
          return said
        }
        case 'alias':
          return followAlias(query, found, zone, (question) => outside(question, asker))
        default:
          if (found.owner && found.kind === 'no data') ready.keep(query, found.owner, 'no data')
          return { answer: negatives.answer(query, found, labels), authoritative: true, from: found.kind }
      }
    },
  }
}
