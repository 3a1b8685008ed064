import { makeAnswer } from '../answer/answer.ts'
import { followAlias } from '../answer/alias.ts'
import { Negatives } from '../answer/negative.ts'
import { plainAnswer } from '../answer/plain.ts'
import type { Forwarder } from '../forward/forward.ts'
import { rcodes } from '../wire/message.ts'
import { labelsOf, nameOf, type Query } from '../wire/query.ts'
import type { Zone } from '../zone/zone.ts'
import type { Handler, Said } from './handler.ts'

/** Names of services, pods and their addresses. */
export interface ClusterHandler extends Handler {
  /** What is ready for a question as {@link Query.key} gives it. */
  ready(key: string): Said | undefined
}

/**
 * Answers about services are kept ready until an object they come from changes. `outside` resolves what an ExternalName means; `synced`: before it is
 * true every answer about the cluster is SERVFAIL, for half a cluster must not look like a whole one.
 */
export function clusterHandler(zone: Zone, synced: () => boolean, outside: Forwarder | undefined): ClusterHandler {
  /** Only names that exist are kept, so questions from outside cannot fill the memory. */
  const ready = new Map<string, Said>()
  const negatives = new Negatives(zone)
  zone.onStale = (keys) => {
    for (const key of keys) ready.delete(key)
  }

  return {
    name: 'cluster',
    ready: (key) => ready.get(key),
    handle(query: Query) {
      const labels = labelsOf(query.name)
      const found = zone.find(labels, query.type)
      if (found.kind === 'not ours') return undefined
      if (!synced()) return { answer: plainAnswer(rcodes.SERVFAIL), authoritative: false, from: 'not yet synced' }
      switch (found.kind) {
        case 'records': {
          const said = { answer: makeAnswer(nameOf(query), found), authoritative: true, from: found.from }
          if (found.owner) {
            ready.set(query.key, said)
            found.owner.keys.push(query.key)
          }
          return said
        }
        case 'alias':
          return followAlias(query, found.target, zone, outside).then((alias) => ({
            ...alias,
            authoritative: true,
            from: found.from,
          }))
        default: {
          const answer = negatives.answer(query, found, labels)
          return { answer, authoritative: true, from: found.kind }
        }
      }
    },
  }
}
