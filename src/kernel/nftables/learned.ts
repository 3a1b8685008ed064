import type { Dynset } from './expr/dynset.ts'
import type { Packed } from './packed.ts'
import type { Datum, Ruleset } from './ruleset.ts'
import { maxSize, type SetSpec } from './set.ts'

/** What a rule changed in a set. */
export interface Learned {
  readonly set: string
  readonly op: Dynset['op']
  readonly key: Packed
  /** What the map has for the key now: an `update` of a key that is there renews its time only. */
  readonly data?: Packed
  /** Milliseconds that the element lives from now on. */
  readonly timeout?: bigint
}

/** The sets of a ruleset while a packet goes through it; the ruleset stays as it is. */
export interface LiveSets {
  spec(set: string): SetSpec | undefined
  find(set: string, key: Packed): Datum | undefined
  /** Does what nft_dynset_eval does; false where that ends the rule: the set is full. */
  change(change: Learned): boolean
  /** Everything that changed something, in order. */
  readonly learned: readonly Learned[]
}

export function liveSets({ sets }: Pick<Ruleset, 'sets'>): LiveSets {
  const learned: Learned[] = []
  /** What differs from the ruleset; undefined: deleted. */
  const changed = new Map<string, Map<Packed, Datum | undefined>>()
  const inserted = new Map<string, number>()

  const find = (set: string, key: Packed): Datum | undefined => {
    const changes = changed.get(set)
    return changes?.has(key) ? changes.get(key) : sets.get(set)?.elements.get(key)
  }
  const put = (set: string, key: Packed, datum: Datum | undefined): void => {
    const changes = changed.get(set) ?? new Map<Packed, Datum | undefined>()
    changed.set(set, changes.set(key, datum))
  }

  return {
    learned,
    spec: (set) => sets.get(set)?.spec,
    find,
    change(change) {
      const { set, op, key, data, ...rest } = change
      const of = sets.get(set)
      if (!of) return false
      const before = find(set, key)
      if (op === 'delete') {
        if (before !== undefined) learned.push({ set, op, key })
        put(set, key, undefined)
        return true
      }
      if (before !== undefined) {
        const kept = typeof before === 'string' ? { data: before } : {}
        if (op === 'update') learned.push({ set, op, key, ...kept, ...rest })
        return true
      }
      // What a packet deletes goes on to be counted until the kernel's garbage collector has been there.
      const others = inserted.get(set) ?? 0
      if (of.elements.size + others >= maxSize(of.spec)) return false
      inserted.set(set, others + 1)
      put(set, key, data ?? null)
      learned.push(change)
      return true
    },
  }
}
