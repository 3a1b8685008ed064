import { Negatives } from '../answer/negative.ts'
import { rcodes, types } from '../wire/message.ts'
import type { Query } from '../wire/query.ts'
import type { Owner } from '../zone/reverse-index.ts'
import type { Zone } from '../zone/zone.ts'
import type { HandlerName, Said } from './handler.ts'

export type Ready = Said & { readonly by: HandlerName }

export interface ReadyParts {
  readonly zone: Zone
  readonly synced: () => boolean
  /** Nobody is to be asked before the cluster, so that a missing service's name can be answered at once. */
  readonly first: boolean
}

/** Types that programs ask for. A name could be asked for 65,536. */
const usual = new Set<number>([types.A, types.AAAA, types.SRV])

/**
 * Answers that are made once and given until an object they come from changes. Only names that exist are kept, so questions from outside cannot fill the
 * memory. A zone tells its changes to the last one that was made for it.
 */
export class ReadyAnswers {
  readonly #kept = new Map<string, Ready | 'no data'>()
  readonly #parts: ReadyParts
  readonly #negatives: Negatives

  constructor(parts: ReadyParts) {
    this.#parts = parts
    this.#negatives = new Negatives(parts.zone)
    parts.zone.onStale = (keys) => {
      for (const key of keys) this.#kept.delete(key)
    }
  }

  get(query: Query): Ready | undefined {
    const kept = this.#kept.get(query.key)
    if (kept === 'no data') return this.#negatives.inZone(query, rcodes.NOERROR)
    if (kept) return kept
    const { zone, synced, first } = this.#parts
    return first && synced() && zone.isMissing(query.name) ? this.#negatives.inZone(query, rcodes.NXDOMAIN) : undefined
  }

  keep(query: Query, owner: Owner, ready: Ready | 'no data'): void {
    if (!usual.has(query.type) && ready === 'no data') return
    this.#kept.set(query.key, ready)
    owner.keys.push(query.key)
  }
}
