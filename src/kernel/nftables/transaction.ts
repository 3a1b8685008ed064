import type { ChainHead } from './chain.ts'
import type { Element, Elements } from './element.ts'
import type { Chain, Datum, NamedSet, Ruleset } from './ruleset.ts'
import type { Packed } from './packed.ts'
import type { Rule } from './rule.ts'
import type { SetSpec } from './set.ts'
import type { Table } from './table.ts'

/** One change of a table. */
export type Op =
  | { readonly op: 'add table' }
  | { readonly op: 'delete table' }
  | { readonly op: 'add chain'; readonly chain: ChainHead }
  /** Its rules go with it. */
  | { readonly op: 'delete chain'; readonly chain: string }
  | { readonly op: 'flush chain'; readonly chain: string }
  | { readonly op: 'add rule'; readonly chain: string; readonly rule: Rule }
  | { readonly op: 'add set'; readonly set: SetSpec }
  | { readonly op: 'delete set'; readonly set: string }
  | { readonly op: 'add elements'; readonly set: string; readonly elements: Elements }
  /** The kernel cannot change a value: the element is taken out and put in again, which no packet sees. */
  | { readonly op: 'replace elements'; readonly set: string; readonly elements: readonly Element[] }
  | { readonly op: 'delete elements'; readonly set: string; readonly elements: readonly Element[] }

/** Changes of one table that happen together, in an order in which every step is allowed. */
export interface Transaction {
  readonly table: Table
  readonly ops: readonly Op[]
}

/** The ruleset after the transaction: what the kernel holds once it has accepted it. Pure. */
export function replay(before: Ruleset | undefined, transaction: Transaction): Ruleset | undefined {
  let table = before?.table
  const chains = new Map<string, Chain>(before?.chains)
  const sets = new Map<string, NamedSet & { elements: Map<Packed, Datum> }>()
  for (const [name, { spec, elements }] of before?.sets ?? []) sets.set(name, { spec, elements: new Map(elements) })
  const chainOf = (name: string): Chain => existing(chains.get(name), 'chain', name)
  const elementsOf = (name: string): Map<Packed, Datum> => existing(sets.get(name), 'set', name).elements

  for (const op of transaction.ops) {
    switch (op.op) {
      case 'add table':
        table = transaction.table
        break
      case 'delete table':
        table = undefined
        chains.clear()
        sets.clear()
        break
      case 'add chain':
        chains.set(op.chain.name, { ...op.chain, rules: [] })
        break
      case 'delete chain':
        chains.delete(chainOf(op.chain).name)
        break
      case 'flush chain':
        chains.set(op.chain, { ...chainOf(op.chain), rules: [] })
        break
      case 'add rule': {
        const chain = chainOf(op.chain)
        chains.set(op.chain, { ...chain, rules: [...chain.rules, op.rule] })
        break
      }
      case 'add set':
        sets.set(op.set.name, { spec: op.set, elements: new Map() })
        break
      case 'delete set':
        elementsOf(op.set)
        sets.delete(op.set)
        break
      case 'add elements':
      case 'replace elements':
        for (const { key, data } of op.elements) elementsOf(op.set).set(key, data ?? null)
        break
      case 'delete elements':
        for (const { key } of op.elements)
          if (!elementsOf(op.set).delete(key)) throw new RangeError(`set ${op.set} has no such element to delete`)
        break
    }
  }
  return table && { table, chains, sets }
}

function existing<T>(found: T | undefined, what: string, name: string): T {
  if (found === undefined) throw new RangeError(`there is no ${what} ${name}`)
  return found
}
