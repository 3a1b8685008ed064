import type { Expr, ExprOf } from './expr/index.ts'
import { ctNames, metaTypes, payloads } from './print-names.ts'
import { concatenated, constant, type Held, mapped, masked, type Registers } from './print-registers.ts'
import { isBits, printBits, printTime, printValue, printVerdict, quoted, type ValueType } from './print-value.ts'
import { rejectWords } from './print-reject.ts'
import { type Packed, unpackU32 } from './packed.ts'
import type { Rule } from './rule.ts'
import type { Ruleset } from './ruleset.ts'

/** A rule as nft 1.0.6 prints it, wherever that has words for it. */
export function printRule(rule: Rule, { table, sets }: Pick<Ruleset, 'table' | 'sets'>): string {
  const printer: Printer = { family: table.family, sets, registers: new Map(), words: [] }
  for (const expr of rule.exprs)
    if (expr.kind === 'foreign') printer.words.push(`(${expr.name})`)
    else (printers[expr.kind] as Print<Expr>)(expr, printer)
  if (rule.comment !== undefined) printer.words.push(`comment ${quoted(rule.comment)}`)
  return printer.words.join(' ')
}

interface Printer {
  readonly family: Ruleset['table']['family']
  readonly sets: Ruleset['sets']
  readonly registers: Registers
  readonly words: string[]
  /** The transport protocol that the packet has here, and which of the words says so, if it need not. */
  protocol?: { readonly name: string; readonly unsaid?: number }
}

const limitUnits: ReadonlyMap<bigint, string> = new Map([
  [1n, 'second'],
  [60n, 'minute'],
  [3600n, 'hour'],
  [86_400n, 'day'],
  [604_800n, 'week'],
])

type Print<E> = (expr: E, printer: Printer) => void

const printers: { readonly [K in Expr['kind']]: Print<ExprOf<K>> } = {
  payload({ base, offset, length, to }, printer) {
    const raw = { say: `@${{ link: 'll', network: 'nh', transport: 'th' }[base]},${offset * 8},${length * 8}` }
    const known = payloads[`${base} ${offset} ${length}`] ?? raw
    const protocol = base === 'transport' && known !== raw ? implied(printer) : undefined
    printer.registers.set(to, protocol ? { ...known, say: known.say.replace(/^th/, protocol) } : known)
  },
  meta(expr, printer) {
    const { registers } = printer
    const bare = expr.key === 'iifname' || expr.key === 'oifname' || expr.key === 'iif' || expr.key === 'oif'
    const say = bare ? expr.key : `meta ${expr.key}`
    const type = metaTypes[expr.key]
    if ('from' in expr) statement(printer, `${say} set ${constant(registers, expr.from, type)}`)
    else registers.set(expr.to, { say, ...(type ? { type } : {}) })
  },
  ct({ key, direction, to }, { registers }) {
    const { name = key, type } = ctNames[key] ?? {}
    const words = ['ct', ...(direction ? [direction] : []), name]
    registers.set(to, { say: words.join(' '), ...(type ? { type } : {}) })
  },
  fib({ result, fields, present, to }, { registers }) {
    const type = present ? 'exists' : ({ type: 'fib type', oifname: 'device', oif: 'number' } as const)[result]
    registers.set(to, { say: `fib ${fields.join(' . ')} ${result}`, type })
  },
  bitwise({ from, to, mask, xor }, { registers }) {
    registers.set(to, masked(registers, from, mask, xor))
  },
  cmp({ from, op, value }, printer) {
    const { registers, words } = printer
    const held = registers.get(from) ?? { say: `(register ${from})` }
    const text = compared(held, op, value)
    const name = /^meta l4proto (tcp|udp|sctp)$/.exec(text)?.[1]
    if (name !== undefined) printer.protocol = { name, unsaid: words.length }
    words.push(text)
  },
  immediate(expr, { registers, words }) {
    if ('verdict' in expr) words.push(printVerdict(expr.verdict))
    else registers.set(expr.to, { say: printValue(expr.value), constant: expr.value })
  },
  lookup({ set, from, to, inverted }, { sets, registers, words }) {
    const spec = sets.get(set)?.spec
    const key = concatenated(registers, from, spec?.key)
    // A masked value alone would read as if the mask went on.
    const sign = inverted ? '!= ' : key.masked ? '== ' : ''
    if (to === undefined) words.push(`${key.say} ${sign}@${set}`)
    else if (to === 'verdict') words.push(`${key.say} vmap @${set}`)
    else mapped(registers, to, `${key.say} map @${set}`, spec?.data)
  },
  numgen({ mode, modulus, offset, to }, { registers }) {
    registers.set(to, { say: `numgen ${mode} mod ${modulus}${offset ? ` offset ${offset}` : ''}`, type: 'number' })
  },
  nat({ type, family, address, port, flags }, { family: of, registers, words }) {
    const whole = port !== undefined && address !== undefined && registers.get(port)?.behind === address
    const where = address === undefined ? '' : constant(registers, address, family === 'ip' ? 'ipv4_addr' : 'ipv6_addr')
    const what = port === undefined || whole ? '' : `:${constant(registers, port, 'inet_service')}`
    const bracketed = what && where.includes(':') && !where.includes(' ') ? `[${where}]` : where
    const named = whole || of === 'inet' ? [family] : []
    const to = address === undefined && port === undefined ? [] : [...named, 'to', `${bracketed}${what}`]
    words.push([type, ...to, ...(flags.length > 0 ? [flags.join(',')] : [])].join(' '))
  },
  masq({ flags }, { words }) {
    words.push(['masquerade', flags.join(',')].filter(Boolean).join(' '))
  },
  reject(expr, printer) {
    // Only TCP can be reset: nft leaves that unsaid, but for tables of inet.
    if (expr.with === 'tcp reset' && printer.family !== 'inet') implied(printer, 'tcp')
    printer.words.push(rejectWords(expr, printer.family))
  },
  match({ name }, printer) {
    statement(printer, `xt match ${quoted(name)}`)
  },
  notrack(_, printer) {
    statement(printer, 'notrack')
  },
  limit({ rate, seconds, burst }, printer) {
    const unit = limitUnits.get(seconds) ?? `${seconds} seconds`
    // Five at once is what nft itself asks for.
    statement(printer, `limit rate ${rate}/${unit}${burst === 5 ? '' : ` burst ${burst} packets`}`)
  },
  counter({ packets, bytes }, printer) {
    statement(printer, `counter packets ${packets} bytes ${bytes}`)
  },
  dynset({ set, op, key, data, timeout }, printer) {
    const { sets, registers } = printer
    const spec = sets.get(set)?.spec
    const of = spec?.data === 'verdict' ? undefined : spec?.data
    const value = data === undefined ? '' : ` : ${concatenated(registers, data, of).say}`
    const time = timeout === undefined ? '' : ` timeout ${printTime(timeout)}`
    statement(printer, `${op} @${set} { ${concatenated(registers, key, spec?.key).say}${time}${value} }`)
  },
}

/**
 * What has a transport protocol's name in it implies `meta l4proto tcp`, which nft then leaves unsaid; but for when something
 * was done in between, for that must not happen to others.
 */
function implied(printer: Printer, name?: string): string | undefined {
  const { protocol, words } = printer
  if (protocol === undefined || (name !== undefined && name !== protocol.name)) return undefined
  if (protocol.unsaid !== undefined) words.splice(protocol.unsaid, 1)
  printer.protocol = { name: protocol.name }
  return protocol.name
}

/** Statements do something; other words only ask. */
function statement(printer: Printer, text: string): void {
  if (printer.protocol) printer.protocol = { name: printer.protocol.name }
  printer.words.push(text)
}

function compared({ say, type, mask, unmasked }: Held, op: ExprOf<'cmp'>['op'], value: Packed): string {
  const sign = { eq: '', neq: '!= ', lt: '< ', lte: '<= ', gt: '> ', gte: '>= ' }[op]
  if (mask !== undefined && unmasked !== undefined) {
    const none = unpackU32(value.padEnd(4, '\0') as Packed) === 0
    if (isBits(type) && none && op === 'neq') return `${unmasked} ${printBits(mask, type)}`
    if (isBits(type) && none && op === 'eq') return `${unmasked} ! ${printBits(mask, type)}`
    const prefix = prefixOf(mask, type)
    if (prefix === mask.length * 8) return `${unmasked} ${sign}${printValue(value, type)}`
    if (prefix !== undefined) return `${unmasked} ${sign}${printValue(value, type)}/${prefix}`
  }
  const plain = op === 'eq' && (unmasked !== undefined || isBits(type)) ? '== ' : sign
  return `${say} ${plain}${printValue(value, type)}`
}

/** How many of a mask's highest bits are set, when no other is. */
function prefixOf(mask: Packed, type: ValueType | undefined): number | undefined {
  const bytes = Array.from(mask, (char) => char.charCodeAt(0))
  const ordered = type === 'mark' || type === 'number' || isBits(type) ? bytes.reverse() : bytes
  const bits = ordered.map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return /^1*0*$/.test(bits) ? bits.replaceAll('0', '').length : undefined
}
