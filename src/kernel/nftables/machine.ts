import { type Address, addressFromBytes } from '../../base/address.ts'
import type { Verdict } from './data.ts'
import type { Expr, ExprOf, Foreign } from './expr/index.ts'
import { ctValue, fibValue, metaValue } from './known.ts'
import type { LiveSets } from './learned.ts'
import type { TableFamily } from './message.ts'
import { networkHeader, type Packet, transportHeader } from './packet.ts'
import { type Packed, pack, packU32, unpackBe16 } from './packed.ts'
import { fieldsLength } from './fields.ts'

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
  readonly family: TableFamily
  readonly sets: LiveSets
  readonly packet: Packet
  /** The packet's mark, which rules change. */
  readonly meta: { mark: number }
  /** Answers numgen: a number from 0 to `modulus - 1`. */
  readonly choose: (modulus: number) => number
}

/** Does one rule, as the kernel's nft_do_chain does, on a packet that is not there. */
export function runRule(exprs: readonly (Expr | Foreign)[], world: World): Outcome {
  const machine: Machine = { ...world, registers: new Uint8Array(64) }
  for (const expr of exprs) {
    if (expr.kind === 'foreign') return { is: 'unknown', why: `an expression "${expr.name}"` }
    const outcome = (steps[expr.kind] as Step<Expr>)(expr, machine)
    if (outcome) return outcome
  }
  return { is: 'end' }
}

interface Machine extends World {
  readonly registers: Uint8Array
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
      if (expr.key === 'mark') machine.meta.mark = new DataView(machine.registers.buffer).getUint32(expr.from * 4, true)
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
    const spec = machine.sets.spec(set)
    if (!spec) return { is: 'unknown', why: `set ${set}` }
    const found = machine.sets.find(set, load(machine, from, fieldsLength(spec.key)))
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
  // One packet alone is never too many.
  limit: () => undefined,
  counter: () => undefined,
  notrack: () => undefined,
  dynset({ set, op, key, data, timeout }, machine) {
    const spec = machine.sets.spec(set)
    if (!spec) return { is: 'unknown', why: `set ${set}` }
    const lives = timeout ?? (spec.timeout || undefined)
    const done = machine.sets.change({
      set,
      op,
      key: load(machine, key, fieldsLength(spec.key)),
      ...(data === undefined || !spec.data || spec.data === 'verdict'
        ? {}
        : { data: load(machine, data, fieldsLength(spec.data)) }),
      ...(lives === undefined ? {} : { timeout: lives }),
    })
    return done ? undefined : miss
  },
  fib(expr, machine) {
    const value = fibValue(expr, machine)
    return value === undefined
      ? { is: 'unknown', why: `fib ${expr.fields.join(' . ')} ${expr.result}` }
      : store(machine, expr.to, value)
  },
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
