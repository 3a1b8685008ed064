import type { Cidr } from '../../base/address.ts'
import type { Register } from '../../kernel/nftables/data.ts'
import { ctState } from '../../kernel/nftables/expr/ct.ts'
import type { Expr } from '../../kernel/nftables/expr/index.ts'
import { pack, type Packed, packAddress, packU32 } from '../../kernel/nftables/packed.ts'
import type { FamilyFacts } from './family.ts'
import type { SetName } from './sets.ts'

// The pieces that rules are made of. Names say what is done; registers are given by whoever composes them.

export function source({ source: offset, words }: FamilyFacts, to: Register): Expr {
  return { kind: 'payload', base: 'network', offset, length: words * 4, to }
}

export function destination({ destination: offset, words }: FamilyFacts, to: Register): Expr {
  return { kind: 'payload', base: 'network', offset, length: words * 4, to }
}

/** Where the packet is sent to: a key of `services`. Takes an address and two registers. */
export function flow(facts: FamilyFacts, to: Register): Expr[] {
  return [
    destination(facts, to),
    { kind: 'meta', key: 'l4proto', to: to + facts.words },
    { kind: 'payload', base: 'transport', offset: 2, length: 2, to: to + facts.words + 1 },
  ]
}

/** Where the connection's first packet was sent to, before any translation. */
export function originalFlow(facts: FamilyFacts, to: Register): Expr[] {
  return [
    { kind: 'ct', key: facts.originalDestination, direction: 'original', to },
    { kind: 'meta', key: 'l4proto', to: to + facts.words },
    { kind: 'ct', key: 'proto-dst', direction: 'original', to: to + facts.words + 1 },
  ]
}

export function lookup(set: SetName, from: Register, to?: Register | 'verdict'): Expr {
  return { kind: 'lookup', set, from, ...(to === undefined ? {} : { to }) }
}

export function masked(from: Register, to: Register, mask: Packed): Expr {
  return { kind: 'bitwise', from, to, mask, xor: pack(new Uint8Array(mask.length)) }
}

/** The packet's mark, to be put back by {@link throughMark}. */
export function saveMark(to: Register): Expr {
  return { kind: 'meta', key: 'mark', to }
}

/**
 * A number from a map passes through the packet's mark and back into its register, and the mark is put back before anything that
 * may end the rule: nobody ever sees it changed. For the kernel the register alone would do, but `nft list ruleset` aborts where a
 * value out of a map is part of a key (nft 1.0.6: it does not know how long the value is).
 */
export function throughMark(register: Register, saved: Register): Expr[] {
  return [
    { kind: 'meta', key: 'mark', from: register },
    { kind: 'meta', key: 'mark', to: register },
    { kind: 'meta', key: 'mark', from: saved },
  ]
}

export function masquerade(): Expr {
  return { kind: 'masq', flags: ['fully-random'] }
}

export function verdict(which: 'accept' | 'drop' | 'return'): Expr {
  return { kind: 'immediate', verdict: { verdict: which } }
}

/** The address in the register is in the range, or (`neq`) is not. Changes the register. */
export function inRange(facts: FamilyFacts, range: Cidr, register: Register, op: 'eq' | 'neq'): Expr[] {
  if (range.family !== facts.family) throw new TypeError(`proxy: ${range.address} is not of the table's family`)
  return [
    masked(register, register, prefixMask(facts, range.prefix)),
    { kind: 'cmp', from: register, op, value: packAddress(range.address) },
  ]
}

export function prefixMask({ words }: Pick<FamilyFacts, 'words'>, prefix: number): Packed {
  const bytes = new Uint8Array(words * 4)
  for (let bit = 0; bit < prefix; bit++) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return pack(bytes)
}

/** The address without the bits behind the prefix, as the set `sources` has it. */
export function withoutHostBits(address: Packed, prefix: number): Packed {
  const mask = prefixMask({ words: address.length === 4 ? 1 : 4 }, prefix)
  return pack(Uint8Array.from({ length: mask.length }, (_, i) => address.charCodeAt(i) & mask.charCodeAt(i)))
}

export function ctStateIs(...states: (keyof typeof ctState)[]): Expr[] {
  const bits = states.reduce((all, state) => all | ctState[state], 0)
  return [
    { kind: 'ct', key: 'state', to: 0 },
    masked(0, 0, packU32(bits)),
    { kind: 'cmp', from: 0, op: 'neq', value: packU32(0) },
  ]
}
