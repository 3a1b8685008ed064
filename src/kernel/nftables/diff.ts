import { isDeepStrictEqual } from 'node:util'
import type { Element, Elements } from './element.ts'
import type { Packed } from './packed.ts'
import { type Chain, type Datum, type NamedSet, type Ruleset, sameDatum, sameHead, sameRules } from './ruleset.ts'
import { sameSpec, type SetSpec } from './set.ts'
import type { Table } from './table.ts'
import type { Op, Transaction } from './transaction.ts'

/** What has to change in one table, in no order yet. Maps and lists keep the order of the ruleset that is wanted. */
export interface Delta {
  newSets: SetSpec[]
  goneSets: string[]
  newChains: Chain[]
  /** Same chain, other rules. */
  changedChains: Chain[]
  goneChains: string[]
  elements: Map<string, ElementChanges>
}

export interface ElementChanges {
  added: Elements
  replaced: Element[]
  removed: Element[]
}

/** To be filled. */
export function noChange(): Delta {
  return { newSets: [], goneSets: [], newChains: [], changedChains: [], goneChains: [], elements: new Map() }
}

/**
 * The least that turns one ruleset into the other; no operations when they are the same. Pure; but where a set was empty, the transaction reads
 * what is wanted in it while it is encoded, so `wanted` has to stay as it is until then.
 */
export function diff(committed: Ruleset | undefined, wanted: Ruleset): Transaction {
  if (committed === undefined) return transactionOf(wanted.table, whole(wanted), [{ op: 'add table' }])
  if (mustReplace(committed, wanted))
    return transactionOf(wanted.table, whole(wanted), [{ op: 'delete table' }, { op: 'add table' }])
  return transactionOf(wanted.table, between(committed, wanted))
}

/**
 * Puts changes into an order that the kernel accepts, and in which every prefix serves each packet with either the old or the
 * new state, for a batch may have to be cut in two: things come before what refers to them, and go after it.
 */
export function transactionOf(table: Table, delta: Delta, first: readonly Op[] = []): Transaction {
  const ops: Op[] = [...first]
  for (const set of delta.newSets) ops.push({ op: 'add set', set })
  for (const { rules: _, ...chain } of delta.newChains) ops.push({ op: 'add chain', chain })
  for (const { name, rules } of delta.newChains)
    for (const rule of rules) ops.push({ op: 'add rule', chain: name, rule })
  // The encoder keeps a chain's flush and its new rules together.
  for (const { name, rules } of delta.changedChains) {
    ops.push({ op: 'flush chain', chain: name })
    for (const rule of rules) ops.push({ op: 'add rule', chain: name, rule })
  }
  const changes = [...delta.elements]
  for (const [set, { added, replaced }] of changes) {
    if (added.length > 0) ops.push({ op: 'add elements', set, elements: added })
    if (replaced.length > 0) ops.push({ op: 'replace elements', set, elements: replaced })
  }
  for (const [set, { removed }] of changes.reverse())
    if (removed.length > 0) ops.push({ op: 'delete elements', set, elements: removed })
  for (const chain of delta.goneChains) ops.push({ op: 'delete chain', chain })
  for (const set of delta.goneSets) ops.push({ op: 'delete set', set })
  return { table, ops }
}

/** Hooks, key types and flags of what exists cannot be changed. */
function mustReplace(committed: Ruleset, wanted: Ruleset): boolean {
  if (committed.foreign || !isDeepStrictEqual(committed.table, wanted.table)) return true
  for (const [name, { spec }] of wanted.sets) {
    const old = committed.sets.get(name)
    if (old && !sameSpec(old.spec, spec)) return true
  }
  for (const [name, chain] of wanted.chains) {
    const old = committed.chains.get(name)
    if (old && !sameHead(old, chain)) return true
  }
  return false
}

function whole(wanted: Ruleset): Delta {
  return between({ table: wanted.table, chains: new Map(), sets: new Map() }, wanted)
}

function between(committed: Ruleset, wanted: Ruleset): Delta {
  const delta = noChange()
  for (const [name, chain] of wanted.chains) {
    const old = committed.chains.get(name)
    if (!old) delta.newChains.push(chain)
    else if (!sameRules(old, chain)) delta.changedChains.push(chain)
  }
  for (const name of committed.chains.keys()) if (!wanted.chains.has(name)) delta.goneChains.push(name)
  for (const [name, set] of wanted.sets) {
    const old = committed.sets.get(name)
    if (!old) delta.newSets.push(set.spec)
    // What the packet path puts in is its own business.
    const changes = set.spec.dynamic && old ? undefined : elementsBetween(old, set)
    if (changes) delta.elements.set(name, changes)
  }
  for (const name of committed.sets.keys()) if (!wanted.sets.has(name)) delta.goneSets.push(name)
  return delta
}

function elementsBetween(old: NamedSet | undefined, wanted: NamedSet): ElementChanges | undefined {
  if (!old?.elements.size)
    return wanted.elements.size > 0 ? { added: allOf(wanted), replaced: [], removed: [] } : undefined
  const added: Element[] = []
  const replaced: Element[] = []
  const removed: Element[] = []
  for (const [key, datum] of wanted.elements) {
    const before = old.elements.get(key)
    if (before === undefined) added.push(element(key, datum))
    else if (!sameDatum(before, datum)) replaced.push(element(key, datum))
  }
  for (const key of old.elements.keys()) if (!wanted.elements.has(key)) removed.push({ key })
  return added.length + replaced.length + removed.length > 0 ? { added, replaced, removed } : undefined
}

/** Made one by one as they are asked for, of what the set holds then. */
function allOf({ elements }: NamedSet): Elements {
  return {
    length: elements.size,
    *[Symbol.iterator]() {
      for (const [key, datum] of elements) yield element(key, datum)
    },
  }
}

export function element(key: Packed, datum: Datum): Element {
  return datum === null ? { key } : { key, data: datum }
}
