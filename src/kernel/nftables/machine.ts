import { type Address, addressBytes, addressFromBytes, family } from '../../base/address.ts'
import type { Verdict } from './data.ts'
import { ctState } from './expr/ct.ts'
import { fibTypes } from './expr/fib.ts'
import type { Expr, ExprOf, Foreign } from './expr/index.ts'
import { networkHeader, type Packet, transportHeader } from './packet.ts'
import { type Packed, pack, packBe16, packU32, packU8, unpackBe16 } from './packed.ts'
import type { Datum, Ruleset } from './ruleset.ts'
import { fieldsLength, type SetSpec } from './set.ts'
import { families } from './message.ts'

/** What one rule did with a packet. */
export type Outcome =
  | { readonly is: 'verdict'; readonly verdict: Verdict }
  | { readonly is: 'reject'; readonly with: string }
  | {
      readonly is: 'translate'
      readonly type: 'dnat' | 'snat'
      readonly address: Address | undefined
      readonly port: number | undefined
    }
  | { readonly is: 'masquerade' }
  /** An expression did not match: the rule has no say. */
  | { readonly is: 'miss' }
  /** The rule ended without a verdict: the next one runs. */
  | { readonly is: 'end' }
  /** The rule holds something that only the kernel knows. */
  | { readonly is: 'unknown'; readonly why: string }

/** Everything that a rule's outcome depends on. */
export interface World {
  readonly ruleset: Ruleset
  readonly packet: Packet
  /** Answers numgen: a number from 0 to `modulus - 1`. */
  readonly choose: (modulus: number) => number
}

/** Does one rule, as the kernel's nft_do_chain does, on a packet that is not there. */
export function runRule(exprs: readonly (Expr | Foreign)[], world: World): Outcome {
  const machine: Machine = { ...world, registers: new Uint8Array(64), mark: world.packet.mark ?? 0 }
  for (const expr of exprs) {
    if (expr.kind === 'foreign') return { is: 'unknown', why: `an expression "${expr.name}"` }
    const outcome = (steps[expr.kind] as Step<Expr>)(expr, machine)
    if (outcome) return outcome
  }
  return { is: 'end' }
}

interface Machine extends World {
  readonly registers: Uint8Array
  mark: number
}

/** undefined: go on with the rule's next expression. */
type Step<E> = (expr: E, machine: Machine) => Outcome | undefined

const miss: Outcome = { is: 'miss' }

const steps: { readonly [K in Expr['kind']]: Step<ExprOf<K>> } = {
  payload({ base, offset, length, to }, machine) {
    if (base === 'link') return { is: 'unknown', why: 'a link header' }
    const header = base === 'network' ? networkHeader(machine.packet) : transportHeader(machine.packet)
    if (offset + length > header.length) return miss
    return store(machine, to, pack(header.subarray(offset, offset + length)))
  },
  meta(expr, machine) {
    if ('from' in expr) {
      if (expr.key === 'mark') machine.mark = new DataView(machine.registers.buffer).getUint32(expr.from * 4, true)
      return undefined
    }
    const value = metaValue(expr.key, machine)
    return value === undefined ? { is: 'unknown', why: `meta ${expr.key}` } : store(machine, expr.to, value)
  },
  cmp({ from, op, value }, machine) {
    const have = load(machine, from, value.length)
    const matches = {
      eq: have === value,
      neq: have !== value,
      lt: have < value,
      lte: have <= value,
      gt: have > value,
      gte: have >= value,
    }
    return matches[op] ? undefined : miss
  },
  bitwise({ from, to, mask, xor }, { registers }) {
    for (let i = 0; i < mask.length; i++)
      registers[to * 4 + i] = ((registers[from * 4 + i] ?? 0) & mask.charCodeAt(i)) ^ xor.charCodeAt(i)
    return undefined
  },
  immediate(expr, machine) {
    return 'verdict' in expr ? { is: 'verdict', verdict: expr.verdict } : store(machine, expr.to, expr.value)
  },
  lookup({ set, from, to, inverted }, machine) {
    const found = find(machine, set, from)
    if (found === 'no set') return { is: 'unknown', why: `set ${set}` }
    if ((found === undefined) !== (inverted ?? false)) return miss
    if (to === undefined || found === undefined || found === null) return undefined
    if (typeof found !== 'string') return { is: 'verdict', verdict: found }
    return to === 'verdict' ? { is: 'unknown', why: `data of ${set} as a verdict` } : store(machine, to, found)
  },
  numgen({ modulus, offset, to }, machine) {
    return store(machine, to, packU32(offset + machine.choose(modulus)))
  },
  nat({ type, family: of, address, port }, machine) {
    const bytes = address === undefined ? undefined : load(machine, address, of === 'ip' ? 4 : 16)
    return {
      is: 'translate',
      type,
      address: bytes === undefined ? undefined : addressFromBytes(Uint8Array.from(bytes, (c) => c.charCodeAt(0))),
      port: port === undefined ? undefined : unpackBe16(load(machine, port, 2)),
    }
  },
  masq: () => ({ is: 'masquerade' }),
  reject(expr, { packet }) {
    // The kernel answers a reset only to TCP, and drops the packet anyway.
    if (expr.with === 'tcp reset')
      return packet.protocol === 6
        ? { is: 'reject', with: 'tcp reset' }
        : { is: 'verdict', verdict: { verdict: 'drop' } }
    return { is: 'reject', with: `${expr.with} ${expr.code}` }
  },
  ct({ key, direction, to }, machine) {
    const value = ctValue(key, direction, machine)
    return value === undefined ? { is: 'unknown', why: `ct ${key}` } : store(machine, to, value)
  },
  match: ({ name }) => ({ is: 'unknown', why: `the iptables match ${name}` }),
  counter: () => undefined,
  // It changes what later packets meet, not this one.
  dynset: () => undefined,
  fib({ result, fields, to }, machine) {
    // Of all addresses only the sender's is known to be the node's, or not.
    if (result !== 'type' || fields.join() !== 'saddr')
      return { is: 'unknown', why: `fib ${fields.join(' . ')} ${result}` }
    return store(machine, to, packU32(fibTypes[machine.packet.byNode ? 'local' : 'unicast']))
  },
}

function metaValue(key: string, { ruleset, packet, mark }: Machine): Packed | undefined {
  const name = (text: string | undefined): Packed | undefined =>
    text === undefined ? undefined : (text.slice(0, 15).padEnd(16, '\0') as Packed)
  switch (key) {
    case 'l4proto':
      return packU8(packet.protocol)
    case 'nfproto':
      return packU8(
        ruleset.table.family === 'inet'
          ? families[family(packet.destination) === 4 ? 'ip' : 'ip6']
          : families[ruleset.table.family],
      )
    case 'mark':
      return packU32(mark)
    case 'iifname':
      return name(packet.iifname)
    case 'oifname':
      return name(packet.oifname)
    default:
      return undefined
  }
}

function ctValue(key: string, direction: string | undefined, { packet }: Machine): Packed | undefined {
  // Only the direction that the connection began with is known: the answer's depends on what is chosen further on.
  if (direction === 'reply') return undefined
  const original = packet.original ?? packet
  switch (key) {
    case 'state':
      return packU32(ctState[packet.state ?? 'new'])
    case 'status':
      return packU32(packet.status ?? 0)
    case 'protocol':
      return packU8(packet.protocol)
    case 'src-ip':
      return pack(addressBytes(packet.source))
    case 'dst-ip':
      return pack(addressBytes(original.destination))
    case 'proto-src':
      return packBe16(packet.sourcePort)
    case 'proto-dst':
      return packBe16(original.destinationPort)
    default:
      return undefined
  }
}

function find({ ruleset, registers }: Machine, name: string, from: number): Datum | undefined | 'no set' {
  const set = ruleset.sets.get(name)
  if (!set) return 'no set'
  return set.elements.get(keyFrom(registers, from, set.spec))
}

function keyFrom(registers: Uint8Array, from: number, { key }: SetSpec): Packed {
  return pack(registers.subarray(from * 4, from * 4 + fieldsLength(key)))
}

/** Registers are filled in words: what a short value leaves of the last one is zero. */
function store({ registers }: Machine, to: number, value: Packed): undefined {
  const end = (to * 4 + value.length + 3) & ~3
  for (let at = to * 4, i = 0; at < end; at++, i++) registers[at] = i < value.length ? value.charCodeAt(i) : 0
  return undefined
}

function load({ registers }: Machine, from: number, length: number): Packed {
  return pack(registers.subarray(from * 4, from * 4 + length))
}
