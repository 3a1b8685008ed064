import { followAlias } from '../answer/alias.ts'
import { labelsOf, type Query } from '../wire/query.ts'
import type { Zone } from '../zone/zone.ts'
import { foundBy } from './found.ts'
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
  const say = foundBy('cluster', zone, ready)
  return {
    name: 'cluster',
    handle(query: Query, asker: Asker) {
      const labels = labelsOf(query.name)
      const found = zone.find(labels, query.type)
      if (found.kind === 'not ours') return undefined
      if (!synced()) return notYet
      if (found.kind === 'alias') return followAlias(query, found, zone, (question) => outside(question, asker))
      return say(query, labels, found)
    },
  }
}
