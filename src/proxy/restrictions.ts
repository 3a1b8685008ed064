import type { Packed } from '../kernel/nftables/packed.ts'
import { sourcesChain } from './layout/chains.ts'
import type { FamilyFacts } from './layout/family.ts'
import { type Source, sourceKey } from './sources.ts'
import type { Store } from './store.ts'

/** Who may send to which load balancer: the sets `restricted` and `sources`, and the chain with a rule for each length of prefix in use. */
export class Restrictions {
  readonly #facts: FamilyFacts
  readonly #store: Store
  readonly #sources = new Map<Packed, ReadonlyMap<Packed, Source>>()
  /** How many ranges have this length of prefix. */
  readonly #prefixes = new Map<number, number>()

  constructor(facts: FamilyFacts, store: Store) {
    this.#facts = facts
    this.#store = store
  }

  /** undefined: everybody may send. */
  set(flow: Packed, sources: readonly Source[] | undefined): void {
    const before = this.#sources.get(flow)
    if (!before && !sources) return
    const now = new Map(sources?.map((source) => [sourceKey(flow, source), source]))
    this.#store.mark('restricted', flow, sources !== undefined)
    for (const [key, { prefix }] of now) if (!before?.has(key)) this.#change(key, prefix, 1)
    for (const [key, { prefix }] of before ?? []) if (!now.has(key)) this.#change(key, prefix, -1)
    if (sources) this.#sources.set(flow, now)
    else this.#sources.delete(flow)
  }

  #change(key: Packed, prefix: number, by: 1 | -1): void {
    this.#store.mark('sources', key, by > 0)
    const count = (this.#prefixes.get(prefix) ?? 0) + by
    if (count === 0) this.#prefixes.delete(prefix)
    else this.#prefixes.set(prefix, count)
    // The first one of this length, or the last.
    if (count !== (by > 0 ? 1 : 0)) return
    const chain = sourcesChain(this.#facts, this.#prefixes.keys())
    this.#store.chain(chain.name, chain)
  }
}
