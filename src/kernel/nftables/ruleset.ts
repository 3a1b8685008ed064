import { isDeepStrictEqual } from 'node:util'
import type { ChainHead } from './chain.ts'
import type { Data } from './data.ts'
import type { Packed } from './packed.ts'
import type { Rule } from './rule.ts'
import type { SetSpec } from './set.ts'
import type { Table } from './table.ts'

/** A whole table: what the encoder, the printer and the packet tracer read, and what a dump of the kernel gives. */
export interface Ruleset {
  readonly table: Table
  /** By name. Their order, and that of `sets`, is the order in which they are made. */
  readonly chains: ReadonlyMap<string, Chain>
  readonly sets: ReadonlyMap<string, NamedSet>
  /** It holds something that Kubehop never makes: it can be replaced as a whole, not changed in parts. */
  readonly foreign?: true
}

export interface Chain extends ChainHead {
  readonly rules: readonly Rule[]
}

export interface NamedSet {
  readonly spec: SetSpec
  readonly elements: ReadonlyMap<Packed, Datum>
}

/** What a map has for a key; `null` for a set, which has nothing but keys. */
export type Datum = Data | null

export function sameDatum(a: Datum, b: Datum): boolean {
  return a === b || (typeof a !== 'string' && typeof b !== 'string' && isDeepStrictEqual(a, b))
}

/** Whether two rules do the same and say the same; what their counters have counted does not matter. */
function sameRule(a: Rule, b: Rule): boolean {
  return a === b || (a.comment === b.comment && isDeepStrictEqual(a.exprs.map(uncounted), b.exprs.map(uncounted)))
}

/** Whether two chains have the same rules in the same order. */
export function sameRules(a: Chain, b: Chain): boolean {
  return a.rules.length === b.rules.length && a.rules.every((rule, at) => sameRule(rule, b.rules[at] as Rule))
}

export function sameHead(a: ChainHead, b: ChainHead): boolean {
  return a.comment === b.comment && isDeepStrictEqual(a.hook, b.hook)
}

function uncounted(expr: Rule['exprs'][number]): Rule['exprs'][number] {
  return expr.kind === 'counter' ? { kind: 'counter', packets: 0n, bytes: 0n } : expr
}
