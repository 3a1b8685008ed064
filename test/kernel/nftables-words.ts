// Expressions in few words.
import { address } from '../../src/base/address.ts'
import type { CtKey } from '../../src/kernel/nftables/expr/ct.ts'
import type { Expr, ExprOf } from '../../src/kernel/nftables/expr/index.ts'
import type { MetaKey } from '../../src/kernel/nftables/expr/meta.ts'
import { type Packed, packAddress, packU32, packU8 } from '../../src/kernel/nftables/packed.ts'

export const ip = (text: string): Packed => packAddress(address(text))
export const load = (base: 'network' | 'transport', offset: number, length: number, to: number): Expr => ({
  kind: 'payload',
  base,
  offset,
  length,
  to,
})
export const saddr = (to: number): Expr => load('network', 12, 4, to)
export const daddr = (to: number): Expr => load('network', 16, 4, to)
export const saddr6 = (to: number): Expr => load('network', 8, 16, to)
export const daddr6 = (to: number): Expr => load('network', 24, 16, to)
export const sport = (to: number): Expr => load('transport', 0, 2, to)
export const dport = (to: number): Expr => load('transport', 2, 2, to)
export const meta = (key: MetaKey, to: number): Expr => ({ kind: 'meta', key, to })
export const mark = (to: number): Expr => meta('mark', to)
export const setMark = (from: number): Expr => ({ kind: 'meta', key: 'mark', from })
export const protocol = (to: number): Expr => meta('l4proto', to)
export const ct = (key: CtKey, to: number, direction?: 'original' | 'reply'): Expr => ({
  kind: 'ct',
  key,
  to,
  ...(direction ? { direction } : {}),
})
export const bits = (at: number, mask: number, xor = 0): Expr => ({
  kind: 'bitwise',
  from: at,
  to: at,
  mask: packU32(mask),
  xor: packU32(xor),
})
export const ipBits = (at: number, mask: Packed, xor = mask.replace(/[^]/g, '\0') as Packed): Expr => ({
  kind: 'bitwise',
  from: at,
  to: at,
  mask,
  xor,
})
export const is = (value: Packed, op: ExprOf<'cmp'>['op'] = 'eq'): Expr => ({ kind: 'cmp', from: 0, op, value })
export const constant = (to: number, value: Packed): Expr => ({ kind: 'immediate', to, value })
export const lookup = (set: string, from: number, to?: number | 'verdict', inverted?: true): Expr => ({
  kind: 'lookup',
  set,
  from,
  ...(to === undefined ? {} : { to }),
  ...(inverted ? { inverted } : {}),
})
export const numgen = (to: number, modulus = 3, offset = 0, mode: 'random' | 'inc' = 'random'): Expr => ({
  kind: 'numgen',
  mode,
  modulus,
  offset,
  to,
})
export const affinity = (op: ExprOf<'dynset'>['op'], timeout?: bigint): Expr => ({
  kind: 'dynset',
  set: 'affinity',
  op,
  key: 8,
  data: 5,
  ...(timeout === undefined ? {} : { timeout }),
})
export const seen = (op: ExprOf<'dynset'>['op'], timeout?: bigint): Expr => ({
  kind: 'dynset',
  set: 'seen',
  op,
  key: 0,
  ...(timeout === undefined ? {} : { timeout }),
})
export const nat = (
  type: 'dnat' | 'snat',
  family: 'ip' | 'ip6',
  registers: object,
  flags: ExprOf<'nat'>['flags'] = [],
): Expr => ({
  kind: 'nat',
  type,
  family,
  flags,
  ...registers,
})
export const masquerade = (...flags: ExprOf<'masq'>['flags']): Expr => ({ kind: 'masq', flags })
export const reject = (how: ExprOf<'reject'>['with'], code = 0): Expr => ({ kind: 'reject', with: how, code })
export const local: Expr = { kind: 'fib', result: 'type', fields: ['saddr'], to: 0 }
export const counter: Expr = { kind: 'counter', packets: 0n, bytes: 0n }
export const accept: Expr = { kind: 'immediate', verdict: { verdict: 'accept' } }
export const jump: Expr = { kind: 'immediate', verdict: { verdict: 'jump', chain: 'lower' } }
export const isTcp: Expr[] = [protocol(0), is(packU8(6))]
export const isUdp: Expr[] = [protocol(0), is(packU8(17))]
/** A value from a map goes through the packet's mark, which is put back. */
export const throughMark = (at: number, saved: number): Expr[] => [setMark(at), mark(at), setMark(saved)]
export const flow = (to: number): Expr[] => [daddr(to), protocol(to + 1), dport(to + 2)]
export const flow6 = (to: number): Expr[] => [daddr6(to), protocol(to + 4), dport(to + 5)]
export const service = (to: number): Expr[] => [mark(12), ...flow(0), lookup('services', 0, to), ...throughMark(to, 12)]
export const client: Expr[] = [
  saddr(8),
  { kind: 'bitwise', from: 4, to: 9, mask: packU32(0xfffff000), xor: packU32(0) },
  bits(4, 0xfffff800),
]
export const device = (name: string): Packed => name.padEnd(16, '\0') as Packed

export type Rules = readonly (readonly Expr[])[]
