import { diff, element, type ElementChanges, noChange, transactionOf } from '../kernel/nftables/diff.ts'
import type { Packed } from '../kernel/nftables/packed.ts'
import { type Chain, type Datum, type Ruleset, sameDatum } from '../kernel/nftables/ruleset.ts'
import type { SetSpec } from '../kernel/nftables/set.ts'
import type { Transaction } from '../kernel/nftables/transaction.ts'
import { baseChains, endpointsOf, pickChain, pickName, type SetName, sets, slotKey, table, way } from './layout.ts'
import type { NodeFacts, PortPortion, Portion } from './portion.ts'
import { Claims } from './claims.ts'
import { settle } from './slots.ts'

interface LiveSet {
  readonly spec: SetSpec
  readonly elements: Map<Packed, Datum>
}

/**
 * The ruleset that is wanted, and what of it the kernel does not have yet. A change of one service costs what that service is
 * large, not what the cluster is large.
 */
export class Book {
  readonly #sets = new Map<string, LiveSet>()
  readonly #chains = new Map<string, Chain>()
  /** Values before the first change since the last commit; undefined for elements that were not there. */
  readonly #journal = new Map<SetName, Map<Packed, Datum | undefined>>()
  /** Whether the chain was there at the last commit. */
  readonly #chainJournal = new Map<string, Chain | undefined>()
  readonly #portions = new Map<string, Portion>()
  readonly #claims = new Claims()
  /** How many services have so many endpoints; how many endpoints have this address. */
  readonly #uses = new Map<number, number>()
  readonly #local = new Map<Packed, number>()
  #before: Ruleset | undefined

  /** `before`: what an earlier agent left in the kernel. Endpoints keep the slots that they have there. */
  constructor(node: NodeFacts, before?: Ruleset) {
    this.#before = before
    for (const spec of Object.values(sets)) this.#sets.set(spec.name, { spec, elements: new Map() })
    for (const chain of baseChains(node.podCidr, node.serviceCidr)) this.#chains.set(chain.name, chain)
  }

  /** The ruleset that is wanted. It is live: it changes with every `put`. */
  get wanted(): Ruleset {
    return { table, chains: this.#chains, sets: this.#sets }
  }

  /**
   * Says what a service is now; undefined for one that is gone. Of services that want one address the oldest has it: returns
   * the keys of those that are left without (they are taken up when it goes).
   */
  put(service: string, portion: Portion | undefined, since = ''): string[] {
    const { winners, losers } = this.#claims.set(service, portion && { address: portion.address, since, portion })
    // Losers first: a winner may take over the very elements that a loser leaves.
    for (const loser of losers) this.#change(loser, undefined)
    if (portion?.address !== this.#portions.get(service)?.address) this.#change(service, undefined)
    for (const winner of winners) this.#change(winner.service, winner.portion)
    return losers
  }

  /** What has changed since the last commit. */
  changes(): Transaction {
    const delta = noChange()
    for (const [name, before] of this.#chainJournal) {
      const now = this.#chains.get(name)
      if (now && !before) delta.newChains.push(now)
      if (before && !now) delta.goneChains.push(name)
    }
    // In the layout's order, which transactionOf keeps.
    for (const name of Object.keys(sets) as SetName[]) {
      const changes = this.#changesOf(name)
      if (changes) delta.elements.set(name, changes)
    }
    return transactionOf(table, delta)
  }

  /** What turns `kernel` into what is wanted, by comparing everything. */
  repair(kernel: Ruleset | undefined): Transaction {
    return diff(kernel, this.wanted)
  }

  /** The kernel has everything. */
  commit(): void {
    this.#before = undefined
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
    return { table, chains, sets: old }
  }

  #change(service: string, now: Portion | undefined): void {
    const old = this.#portions.get(service)
    if (old === now) return
    if (now) this.#portions.set(service, now)
    else this.#portions.delete(service)
    const kept = new Set(now?.ports.map((port) => port.flow))
    for (const port of old?.ports ?? []) if (!kept.has(port.flow)) this.#changePort(port.flow, undefined)
    for (const port of now?.ports ?? []) this.#changePort(port.flow, port)
    if (old && old.address !== now?.address) this.#delete('service-ips', old.address)
    if (now) this.#write('service-ips', now.address, null)
    for (const address of now?.local ?? []) this.#count(address, 1)
    for (const address of old?.local ?? []) this.#count(address, -1)
  }

  #changePort(flow: Packed, port: PortPortion | undefined): void {
    const before = endpointsOf(this.#set('services').elements.get(flow))
    const endpoints = port ? settle(this.#slots(flow, before), port.endpoints) : []
    const count = endpoints.length
    for (let slot = 0; slot < count; slot++) this.#write('endpoints', slotKey(flow, slot), endpoints[slot] as Packed)
    for (let slot = count; slot < before; slot++) this.#delete('endpoints', slotKey(flow, slot))
    if (count > 0) this.#use(count, 1)
    if (before > 0) this.#use(before, -1)
    if (count > 0) this.#write('services', flow, way(count))
    else this.#delete('services', flow)
    const nobody = port && count === 0 ? port.without : undefined
    for (const [set, when] of [
      ['no-endpoints', 'reject'],
      ['no-local-endpoints', 'drop'],
    ] as const)
      if (nobody === when) this.#write(set, flow, null)
      else this.#delete(set, flow)
  }

  /** The slots that the service has now, or had when this agent started. */
  #slots(flow: Packed, count: number): Packed[] {
    const source = count > 0 ? this.wanted : this.#before
    const elements = source?.sets.get('endpoints')?.elements
    const total = count > 0 ? count : endpointsOf(source?.sets.get('services')?.elements.get(flow))
    const slots: Packed[] = []
    for (let slot = 0; slot < total; slot++) {
      const value = elements?.get(slotKey(flow, slot))
      slots.push((typeof value === 'string' ? value : '') as Packed)
    }
    return slots
  }

  #use(endpoints: number, by: 1 | -1): void {
    const uses = (this.#uses.get(endpoints) ?? 0) + by
    this.#uses.set(endpoints, uses)
    const name = pickName(endpoints)
    const there = this.#chains.get(name)
    if (uses > 0 === (there !== undefined)) return
    if (!this.#chainJournal.has(name)) this.#chainJournal.set(name, there)
    if (uses > 0) {
      this.#chains.set(name, pickChain(endpoints))
      this.#write('ways', way(endpoints), { verdict: 'goto', chain: name })
    } else {
      this.#uses.delete(endpoints)
      this.#chains.delete(name)
      this.#delete('ways', way(endpoints))
    }
  }

  #count(address: Packed, by: 1 | -1): void {
    const count = (this.#local.get(address) ?? 0) + by
    const pair = (address + address) as Packed
    if (count > 0) {
      this.#local.set(address, count)
      this.#write('hairpin', pair, null)
    } else {
      this.#local.delete(address)
      this.#delete('hairpin', pair)
    }
  }

  #set(name: SetName): LiveSet {
    return this.#sets.get(name) as LiveSet
  }

  #write(name: SetName, key: Packed, datum: Datum): void {
    const { elements } = this.#set(name)
    const before = elements.get(key)
    if (before !== undefined && sameDatum(before, datum)) return
    this.#remember(name, key, before)
    elements.set(key, datum)
  }

  #delete(name: SetName, key: Packed): void {
    const { elements } = this.#set(name)
    const before = elements.get(key)
    if (before === undefined) return
    this.#remember(name, key, before)
    elements.delete(key)
  }

  #remember(name: SetName, key: Packed, before: Datum | undefined): void {
    let journal = this.#journal.get(name)
    if (!journal) this.#journal.set(name, (journal = new Map()))
    if (!journal.has(key)) journal.set(key, before)
  }

  #changesOf(name: SetName): ElementChanges | undefined {
    const journal = this.#journal.get(name)
    if (!journal) return undefined
    const changes: ElementChanges = { added: [], replaced: [], removed: [] }
    const { elements } = this.#set(name)
    for (const [key, before] of journal) {
      const now = elements.get(key)
      if (now === undefined) {
        if (before !== undefined) changes.removed.push({ key })
      } else if (before === undefined) changes.added.push(element(key, now))
      else if (!sameDatum(before, now)) changes.replaced.push(element(key, now))
    }
    return changes.added.length + changes.replaced.length + changes.removed.length > 0 ? changes : undefined
  }
}
