import type { Verdict } from './data.ts'
import { ctState } from './expr/ct.ts'
import { nameIn } from './expr/codec.ts'
import { fibTypes } from './expr/fib.ts'
import type { Expr, ExprOf } from './expr/index.ts'
import { metaLength } from './expr/meta.ts'
import { type Packed, unpack, unpackAddress, unpackBe16, unpackU32 } from './packed.ts'
import type { Rule } from './rule.ts'
import type { Chain, Datum, NamedSet, Ruleset } from './ruleset.ts'
import { type FieldType, fieldTypes, type SetSpec } from './set.ts'

/** A ruleset in nft's own language, close to what `nft -y list table` prints: for people, and to be compared. */
export function print(ruleset: Ruleset): string {
  const { table, sets, chains } = ruleset
  const parts = [
    ...[...sets.values()].map(printSet),
    ...[...chains.values()].map((chain) => printChain(chain, ruleset)),
  ]
  const comment = table.comment === undefined ? '' : `\tcomment ${quoted(table.comment)}\n`
  return `table ${table.family} ${table.name} {\n${comment}${parts.map(indented).join('\n')}}\n`
}

export function printRule(rule: Rule, { sets }: Pick<Ruleset, 'sets'>): string {
  const printer: Printer = { sets, registers: new Map(), words: [] }
  for (const expr of rule.exprs)
    if (expr.kind === 'foreign') printer.words.push(`(${expr.name})`)
    else (printers[expr.kind] as Print<Expr>)(expr, printer)
  if (rule.comment !== undefined) printer.words.push(`comment ${quoted(rule.comment)}`)
  return printer.words.join(' ')
}

export function printVerdict(verdict: Verdict): string {
  return 'chain' in verdict ? `${verdict.verdict} ${verdict.chain}` : verdict.verdict
}

/** A key or value of these fields: `100.64.0.1 . tcp . 80`. */
export function printFields(packed: Packed, fields: readonly FieldType[]): string {
  let at = 0
  return fields
    .map((field) => {
      const { length } = fieldTypes[field]
      const part = packed.slice(at, at + length) as Packed
      at += (length + 3) & ~3
      return fieldPrinters[field](part)
    })
    .join(' . ')
}

function printSet({ spec, elements }: NamedSet): string {
  const lines = [`type ${typeOf(spec)}`]
  const flags = [...(spec.dynamic ? ['dynamic'] : []), ...(spec.timeout === undefined ? [] : ['timeout'])]
  if (flags.length > 0) lines.push(`flags ${flags.join(',')}`)
  if (spec.timeout) lines.push(`timeout ${spec.timeout / 1000n}s`)
  if (spec.size !== undefined) lines.splice(1, 0, `size ${spec.size}`)
  if (spec.comment !== undefined) lines.push(`comment ${quoted(spec.comment)}`)
  const printed = [...elements].map(([key, datum]) => printElement(spec, key, datum))
  if (printed.length > 0) lines.push(`elements = { ${printed.join(',\n\t\t     ')} }`)
  return block(`${spec.data ? 'map' : 'set'} ${spec.name}`, lines)
}

function printElement({ key: fields, data }: SetSpec, key: Packed, datum: Datum): string {
  const left = printFields(key, fields)
  if (datum === null) return left
  return `${left} : ${typeof datum === 'string' ? printFields(datum, data === 'verdict' ? [] : (data ?? [])) : printVerdict(datum)}`
}

function typeOf({ key, data }: SetSpec): string {
  const left = key.join(' . ')
  if (data === undefined) return left
  return `${left} : ${data === 'verdict' ? data : data.join(' . ')}`
}

function printChain({ name, hook, comment, rules }: Chain, ruleset: Ruleset): string {
  const lines: string[] = []
  if (comment !== undefined) lines.push(`comment ${quoted(comment)}`)
  if (hook) lines.push(`type ${hook.type} hook ${hook.hook} priority ${hook.priority}; policy ${hook.policy};`)
  return block(`chain ${name}`, [...lines, ...rules.map((rule) => printRule(rule, ruleset))])
}

interface Printer {
  readonly sets: Ruleset['sets']
  /** What a register holds, in words, and how many bytes of it. */
  readonly registers: Map<number, Held>
  readonly words: string[]
}

interface Held {
  readonly say: string
  readonly length: number
  readonly type?: FieldType | 'ct state' | 'fib type' | 'exists'
  readonly mask?: Packed
}

type Print<E> = (expr: E, printer: Printer) => void

const printers: { readonly [K in Expr['kind']]: Print<ExprOf<K>> } = {
  payload({ base, offset, length, to }, { registers }) {
    const known = payloadNames[`${base} ${offset} ${length}`]
    const raw = `@${{ link: 'll', network: 'nh', transport: 'th' }[base]},${offset * 8},${length * 8}`
    registers.set(to, known ? { ...known, length } : { say: raw, length })
  },
  meta(expr, { registers, words }) {
    const bare = expr.key === 'iifname' || expr.key === 'oifname' || expr.key === 'iif' || expr.key === 'oif'
    const say = bare ? expr.key : `meta ${expr.key}`
    if ('from' in expr) words.push(`${say} set ${held(registers, expr.from).say}`)
    else registers.set(expr.to, { say, length: metaLength[expr.key], ...metaTypes[expr.key] })
  },
  ct({ key, direction, to }, { registers }) {
    const name = { 'src-ip': 'ip saddr', 'dst-ip': 'ip daddr', 'src-ip6': 'ip6 saddr', 'dst-ip6': 'ip6 daddr' }
    const say = `ct ${direction ? `${direction} ` : ''}${name[key as keyof typeof name] ?? key}`
    const type = key === 'state' ? 'ct state' : key === 'src-ip' || key === 'dst-ip' ? 'ipv4_addr' : 'mark'
    registers.set(to, { say, length: 4, type })
  },
  bitwise({ from, to, mask }, { registers }) {
    registers.set(to, { ...held(registers, from), mask })
  },
  cmp({ from, op, value }, { registers, words }) {
    const { say, mask, type } = held(registers, from)
    const sign = { eq: '', neq: '!= ', lt: '< ', lte: '<= ', gt: '> ', gte: '>= ' }[op]
    if (type === 'ct state' && mask) words.push(`${say} ${statesIn(mask)}`)
    else words.push(`${say} ${sign}${valueOf(value, type)}${mask ? `/${prefixOf(mask)}` : ''}`)
  },
  immediate(expr, { registers, words }) {
    if ('verdict' in expr) words.push(printVerdict(expr.verdict))
    else registers.set(expr.to, { say: valueOf(expr.value), length: expr.value.length })
  },
  lookup({ set, from, to, inverted }, { sets, registers, words }) {
    const key = concatenated(registers, from, sets.get(set)?.spec.key ?? [])
    if (to === undefined) words.push(`${key} ${inverted ? '!= ' : ''}@${set}`)
    else if (to === 'verdict') words.push(`${key} vmap @${set}`)
    else registers.set(to, { say: `${key} map @${set}`, length: 4 })
  },
  numgen({ mode, modulus, offset, to }, { registers }) {
    registers.set(to, { say: `numgen ${mode} mod ${modulus}${offset ? ` offset ${offset}` : ''}`, length: 4 })
  },
  nat({ type, family, address, port, flags }, { registers, words }) {
    const target = address === undefined ? '' : held(registers, address).say
    // From a map comes the port too, in the register behind the address.
    const behind = port !== undefined && registers.has(port) && port !== (address ?? -2) + 1
    words.push([`${type} ${family} to ${target}${behind ? `:${held(registers, port).say}` : ''}`, ...flags].join(' '))
  },
  masq({ flags }, { words }) {
    words.push(['masquerade', flags.join(',')].filter(Boolean).join(' '))
  },
  reject({ with: how, code }, { words }) {
    const codes: Readonly<Record<number, string>> = {
      0: 'net-unreachable',
      1: 'host-unreachable',
      3: 'port-unreachable',
    }
    words.push(how === 'tcp reset' ? 'reject with tcp reset' : `reject with ${how} ${codes[code] ?? code}`)
  },
  match({ name }, { words }) {
    words.push(`xt match "${name}"`)
  },
  counter({ packets, bytes }, { words }) {
    words.push(`counter packets ${packets} bytes ${bytes}`)
  },
  fib({ result, fields, present, to }, { registers }) {
    const type = present ? 'exists' : result === 'type' ? 'fib type' : undefined
    const length = result === 'oifname' ? 16 : 4
    registers.set(to, { say: `fib ${fields.join(' . ')} ${result}`, length, ...(type ? { type } : {}) })
  },
  dynset({ set, op, key, data, timeout }, { registers, words }) {
    const value = data === undefined ? '' : ` : ${held(registers, data).say}`
    const time = timeout === undefined ? '' : ` timeout ${timeout / 1000n}s`
    words.push(`${op} @${set} { ${held(registers, key).say}${time}${value} }`)
  },
}

const payloadNames: Readonly<Record<string, { say: string; type: FieldType }>> = {
  'network 9 1': { say: 'ip protocol', type: 'inet_proto' },
  'network 12 4': { say: 'ip saddr', type: 'ipv4_addr' },
  'network 16 4': { say: 'ip daddr', type: 'ipv4_addr' },
  'transport 0 2': { say: 'th sport', type: 'inet_service' },
  'transport 2 2': { say: 'th dport', type: 'inet_service' },
}

const metaTypes: Readonly<Record<string, { type: FieldType }>> = {
  l4proto: { type: 'inet_proto' },
  mark: { type: 'mark' },
}

const fieldPrinters: { readonly [T in FieldType]: (part: Packed) => string } = {
  integer: (part) => String(unpackU32(part)),
  ipv4_addr: unpackAddress,
  ipv6_addr: unpackAddress,
  inet_proto: (part) => protocolNames[part.charCodeAt(0)] ?? String(part.charCodeAt(0)),
  inet_service: (part) => String(unpackBe16(part)),
  mark: (part) => `0x${unpackU32(part).toString(16).padStart(8, '0')}`,
}

const protocolNames: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp', 132: 'sctp' }

function held(registers: Printer['registers'], at: number): Held {
  return registers.get(at) ?? { say: `(register ${at})`, length: 4 }
}

function concatenated(registers: Printer['registers'], from: number, fields: readonly FieldType[]): string {
  let at = from
  return fields
    .map((field) => {
      const { say } = held(registers, at)
      at += (fieldTypes[field].length + 3) >> 2
      return say
    })
    .join(' . ')
}

function valueOf(value: Packed, type?: Held['type']): string {
  if (type === 'exists') return value.startsWith('\x01') ? 'exists' : 'missing'
  if (type === 'fib type') return nameIn(fibTypes, unpackU32(value)) ?? String(unpackU32(value))
  if (type !== undefined && type !== 'ct state' && fieldTypes[type].length === value.length)
    return fieldPrinters[type](value)
  return `0x${Buffer.from(unpack(value)).toString('hex')}`
}

function statesIn(mask: Packed): string {
  const bits = unpackU32(mask)
  const order = ['invalid', 'established', 'related', 'new', 'untracked'] as const
  return order.filter((state) => bits & ctState[state]).join(',')
}

function prefixOf(mask: Packed): number {
  let bits = 0
  for (const char of mask) for (let byte = char.charCodeAt(0); byte > 0; byte &= byte - 1) bits++
  return bits
}

function block(head: string, lines: readonly string[]): string {
  return `${head} {\n${lines.map((line) => `\t${line}\n`).join('')}}\n`
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '\t')
}

/** nft has no escapes in strings. */
function quoted(text: string): string {
  return `"${text.replaceAll('"', "'")}"`
}
