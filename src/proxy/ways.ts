import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { unpackU32 } from '../kernel/nftables/packed.ts'
import type { FamilyFacts } from './layout/family.ts'
import { wayMask } from './layout/numbers.ts'
import { readWayName, type Way, wayChain, wayKey, wayName } from './layout/ways.ts'
import type { Store } from './store.ts'

/** Numbers that plain ways always have: 1 to 512 for so many endpoints, then 513 to 768 for up to 256 of map `inside`. */
const plain = { services: 512, inside: 256 } as const
const firstOther = plain.services + plain.inside + 1

interface Used {
  readonly name: string
  readonly number: number
  uses: number
}

/**
 * The ways of picking that services use, each with its number and its chain. Plain ways of up to 512 endpoints have fixed numbers; others
 * get one of the 1,279 that are left while somebody uses them. When those are gone, a service falls back to a plain way: clients are no longer
 * remembered, or only the first 512 endpoints serve ({@link Ways.isLesser}). Nobody can take another service's way by asking for many.
 */
export class Ways {
  readonly #facts: FamilyFacts
  readonly #store: Store
  readonly #byNumber = new Map<number, Used>()
  readonly #others = new Map<string, number>()
  /** Numbers that an earlier agent gave. */
  readonly #before = new Map<string, number>()
  #next = firstOther
  #gaveBack = false

  constructor(facts: FamilyFacts, store: Store, before: Ruleset | undefined) {
    this.#facts = facts
    this.#store = store
    for (const [key, datum] of before?.sets.get('ways')?.elements ?? []) {
      if (datum === null || typeof datum === 'string' || !('chain' in datum)) continue
      const way = readWayName(datum.chain)
      const number = unpackU32(key)
      if (way && fixedNumber(way) === undefined && number >= firstOther) this.#before.set(datum.chain, number)
    }
  }

  /** The number of a way, which is in use until released. */
  take(way: Way): number {
    const name = wayName(way)
    const number = fixedNumber(way) ?? this.#others.get(name) ?? this.#free(name)
    if (number === undefined) return this.take(lesser(way))
    const used = this.#byNumber.get(number)
    if (used) used.uses++
    else {
      this.#byNumber.set(number, { name, number, uses: 1 })
      if (number >= firstOther) this.#others.set(name, number)
      this.#store.chain(name, wayChain(this.#facts, way))
      this.#store.write('ways', wayKey(number), { verdict: 'goto', chain: name })
    }
    return number
  }

  /** Whether what {@link take} gave is another way than the one asked for: nothing better was left. */
  isLesser(number: number, wanted: Way): boolean {
    return fixedNumber(wanted) === undefined && this.#byNumber.get(number)?.name !== wayName(wanted)
  }

  /** Whether a number that any way may have has come free since the last call. */
  takeGaveBack(): boolean {
    const gaveBack = this.#gaveBack
    this.#gaveBack = false
    return gaveBack
  }

  /** The earlier agent's numbers are in use by now, or free. */
  forgetBefore(): void {
    this.#gaveBack ||= this.#before.size > 0
    this.#before.clear()
  }

  release(number: number): void {
    const used = this.#byNumber.get(number)
    if (!used || --used.uses > 0) return
    this.#byNumber.delete(number)
    if (number >= firstOther) this.#gaveBack = true
    this.#others.delete(used.name)
    this.#store.chain(used.name, undefined)
    this.#store.delete('ways', wayKey(number))
  }

  #free(name: string): number | undefined {
    const before = this.#before.get(name)
    if (before !== undefined && !this.#byNumber.has(before)) return before
    const reserved = new Set(this.#before.values())
    for (let tried = firstOther; tried <= wayMask; tried++) {
      const number = this.#next
      this.#next = number === wayMask ? firstOther : number + 1
      if (!this.#byNumber.has(number) && !reserved.has(number)) return number
    }
    return undefined
  }
}

/** How many endpoints are picked from when all other ways are taken. */
export function mostPlain(by: Way['by']): number {
  return plain[by]
}

function fixedNumber({ endpoints, sticky, by }: Way): number | undefined {
  if (sticky > 0 || endpoints > plain[by]) return undefined
  return by === 'services' ? endpoints : plain.services + endpoints
}

function lesser({ endpoints, by }: Way): Way {
  return { endpoints: Math.min(endpoints, plain[by]), sticky: 0, by }
}
