import { diff, element, type ElementChanges, noChange, transactionOf } from '../kernel/nftables/diff.ts'
import type { Element } from '../kernel/nftables/element.ts'
import type { Packed } from '../kernel/nftables/packed.ts'
import { type Chain, type Datum, type Ruleset, sameDatum, sameRules } from '../kernel/nftables/ruleset.ts'
import type { SetSpec } from '../kernel/nftables/set.ts'
import type { Transaction } from '../kernel/nftables/transaction.ts'
import { type FamilyFacts } from './layout/family.ts'
import { type SetName, setNames, setsOf } from './layout/sets.ts'

interface LiveSet {
  readonly spec: SetSpec
  readonly elements: Map<Packed, Datum>
}

/** A ruleset that changes, and what of it the kernel does not have yet. */
export class Store {
  readonly #facts: FamilyFacts
  readonly #sets = new Map<string, LiveSet>()
  readonly #chains = new Map<string, Chain>()
  /** Values before the first change since the last commit; undefined for elements that were not there. */
  readonly #journal = new Map<SetName, Map<Packed, Datum | undefined>>()
  /** The same for chains. */
  readonly #chainJournal = new Map<string, Chain | undefined>()
  /** Before the first commit everything is new, and a journal of everything would only take memory. */
  #loading = true

  constructor(facts: FamilyFacts, chains: readonly Chain[], counters: boolean) {
    this.#facts = facts
    for (const spec of setsOf(facts, counters)) this.#sets.set(spec.name, { spec, elements: new Map() })
    for (const chain of chains) this.#chains.set(chain.name, chain)
  }

  /** The ruleset that is wanted. It is live: it changes with every write. */
  get wanted(): Ruleset {
    return { table: this.#facts.table, chains: this.#chains, sets: this.#sets }
  }

  get(name: SetName, key: Packed): Datum | undefined {
    return this.#set(name).elements.get(key)
  }

  write(name: SetName, key: Packed, datum: Datum): void {
    const { elements } = this.#set(name)
    const before = elements.get(key)
    if (before !== undefined && sameDatum(before, datum)) return
    this.#remember(name, key, before)
    elements.set(key, datum)
  }

  delete(name: SetName, key: Packed): void {
    const { elements } = this.#set(name)
    const before = elements.get(key)
    if (before === undefined) return
    this.#remember(name, key, before)
    elements.delete(key)
  }

  /** An element of a set: there, or not. */
  mark(name: SetName, key: Packed, there: boolean): void {
    if (there) this.write(name, key, null)
    else this.delete(name, key)
  }

  chain(name: string, chain: Chain | undefined): void {
    if (!this.#loading && !this.#chainJournal.has(name)) this.#chainJournal.set(name, this.#chains.get(name))
    if (chain) this.#chains.set(name, chain)
    else this.#chains.delete(name)
  }

  /** What has changed since the last commit. Before the first one that is everything: see {@link repair}. */
  changes(): Transaction {
    if (this.#loading) return this.repair(undefined)
    const delta = noChange()
    for (const [name, before] of this.#chainJournal) {
      const now = this.#chains.get(name)
      if (now && !before) delta.newChains.push(now)
      else if (now && before && !sameRules(now, before)) delta.changedChains.push(now)
      else if (before && !now) delta.goneChains.push(name)
    }
    // In the layout's order, which transactionOf keeps.
    for (const name of setNames) {
      const changes = this.#changesOf(name)
      if (changes) delta.elements.set(name, changes)
    }
    return transactionOf(this.#facts.table, delta)
  }

  /** What turns `kernel` into what is wanted, by comparing everything. */
  repair(kernel: Ruleset | undefined): Transaction {
    return diff(kernel, this.wanted)
  }

  /** The kernel has everything. */
  commit(): void {
    this.#loading = false
    this.#journal.clear()
    this.#chainJournal.clear()
  }

  /** What was wanted at the last commit. */
  committed(): Ruleset {
    if (this.#journal.size + this.#chainJournal.size === 0) return this.wanted
    const chains = new Map(this.#chains)
    for (const [name, before] of this.#chainJournal)
      if (before) chains.set(name, before)
      else chains.delete(name)
    const old = new Map<string, LiveSet>(this.#sets)
    for (const [name, journal] of this.#journal) {
      const { spec, elements } = this.#set(name)
      const undone = new Map(elements)
      for (const [key, before] of journal)
        if (before === undefined) undone.delete(key)
        else undone.set(key, before)
      old.set(name, { spec, elements: undone })
    }
    return { table: this.#facts.table, chains, sets: old }
  }

  #set(name: SetName): LiveSet {
    return this.#sets.get(name) as LiveSet
  }

  #remember(name: SetName, key: Packed, before: Datum | undefined): void {
    if (this.#loading) return
    let journal = this.#journal.get(name)
    if (!journal) this.#journal.set(name, (journal = new Map()))
    if (!journal.has(key)) journal.set(key, before)
  }

  #changesOf(name: SetName): ElementChanges | undefined {
    const journal = this.#journal.get(name)
    if (!journal) return undefined
    const added: Element[] = []
    const replaced: Element[] = []
    const removed: Element[] = []
    const { elements } = this.#set(name)
    for (const [key, before] of journal) {
      const now = elements.get(key)
      if (now === undefined) {
        if (before !== undefined) removed.push({ key })
      } else if (before === undefined) added.push(element(key, now))
      else if (!sameDatum(before, now)) replaced.push(element(key, now))
    }
    return added.length + replaced.length + removed.length > 0 ? { added, replaced, removed } : undefined
  }
}
