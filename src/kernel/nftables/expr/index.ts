import { KubehopError } from '../../../base/errors.ts'
import type { Attributes } from '../../netlink/reader.ts'
import type { MessageWriter } from '../../netlink/writer.ts'
import { needed } from '../data.ts'
import { type Bitwise, bitwise } from './bitwise.ts'
import { type Cmp, cmp } from './cmp.ts'
import type { Codec } from './codec.ts'
import { type Counter, counter } from './counter.ts'
import { type Ct, ct } from './ct.ts'
import { type Dynset, dynset } from './dynset.ts'
import { type Fib, fib } from './fib.ts'
import { type Immediate, immediate } from './immediate.ts'
import { type Limit, limit } from './limit.ts'
import { type Lookup, lookup } from './lookup.ts'
import { type Match, match } from './match.ts'
import { type Meta, meta } from './meta.ts'
import { type Masquerade, masq, type Nat, nat } from './nat.ts'
import { type Notrack, notrack } from './notrack.ts'
import { type Numgen, numgen } from './numgen.ts'
import { type Payload, payload } from './payload.ts'
import { type Reject, reject } from './reject.ts'

const NFTA_LIST_ELEM = 1
const NFTA_EXPR_NAME = 1
const NFTA_EXPR_DATA = 2

/** One step of a rule. `kind` is the kernel's own name of it. */
export type Expr =
  | Payload
  | Meta
  | Cmp
  | Bitwise
  | Immediate
  | Limit
  | Lookup
  | Numgen
  | Nat
  | Masquerade
  | Reject
  | Ct
  | Counter
  | Dynset
  | Fib
  | Match
  | Notrack
/** A step that someone else's rule may have; it is never written. */
export interface Foreign {
  readonly kind: 'foreign'
  readonly name: string
}
export type ExprOf<K extends Expr['kind']> = Extract<Expr, { kind: K }>

const codecs: { readonly [K in Expr['kind']]: Codec<ExprOf<K>> } = {
  payload,
  meta,
  cmp,
  bitwise,
  immediate,
  limit,
  lookup,
  numgen,
  nat,
  masq,
  reject,
  ct,
  counter,
  dynset,
  fib,
  match,
  notrack,
}

/** The list of expressions of a rule, as attribute `type`. */
export function writeExprs(writer: MessageWriter, type: number, exprs: readonly (Expr | Foreign)[]): void {
  const list = writer.startNest(type)
  for (const expr of exprs) writeExpr(writer, NFTA_LIST_ELEM, expr)
  writer.endNest(list)
}

/** One expression alone, as attribute `type`. */
export function writeExpr(writer: MessageWriter, type: number, expr: Expr | Foreign): void {
  if (expr.kind === 'foreign') throw new TypeError(`kernel: expression "${expr.name}" can be read, not written`)
  const at = writer.startNest(type)
  writer.string(NFTA_EXPR_NAME, expr.kind)
  const data = writer.startNest(NFTA_EXPR_DATA)
  const codec = codecs[expr.kind] as Codec<Expr>
  codec.write(writer, expr)
  writer.endNest(data)
  writer.endNest(at)
}

/** The inverse. What is not known here (another program's rule, a newer kernel's variant) comes back as `foreign`. */
export function readExprs(list: Attributes): (Expr | Foreign)[] {
  return Array.from(list.entries(), (entry) => readExpr(entry.nested()))
}

export function readExpr(attributes: Attributes): Expr | Foreign {
  const name = needed(attributes.string(NFTA_EXPR_NAME), 'name of an expression')
  const data = attributes.nested(NFTA_EXPR_DATA)
  // What has no attributes is told without data.
  if (name === 'notrack') return { kind: name }
  return (data && known(name, data)) ?? { kind: 'foreign', name }
}

function known(name: string, data: Attributes): Expr | undefined {
  if (!Object.hasOwn(codecs, name)) return undefined
  try {
    return (codecs[name as Expr['kind']] as Codec<Expr>).read(data)
  } catch (error) {
    // A form of the expression that Kubehop never writes; its rule is then none of ours.
    if (error instanceof KubehopError && error.code === 'Malformed') return undefined
    throw error
  }
}
