import type { Counts } from './element.ts'
import type { Packed } from './packed.ts'
import { printRule } from './print-rule.ts'
import { harmless, printFields, printTime, printVerdict, quoted } from './print-value.ts'
import type { Chain, Datum, NamedSet, Ruleset } from './ruleset.ts'
import { maxSize, type SetSpec } from './set.ts'

export interface PrintOptions {
  /** Words about an element, for its line's end. They may be hostile. */
  readonly note?: (set: string, key: Packed, datum: Datum) => string | undefined
  /** Only these elements, and no set without any of them. */
  readonly keep?: (set: string, key: Packed, datum: Datum) => boolean
  /** What elements of sets that count were found for. */
  readonly counts?: (set: string, key: Packed) => Counts | undefined
  /** `false` leaves the chains out. */
  readonly rules?: boolean
}

/** A ruleset in nft's own language, close to what `nft -y list table` prints: for people, and to be compared. */
export function print(ruleset: Ruleset, options: PrintOptions = {}): string {
  const { table, sets, chains } = ruleset
  const filled = new Set(
    [...chains.values()].flatMap(({ rules }) =>
      rules.flatMap(({ exprs }) => exprs.flatMap((expr) => (expr.kind === 'dynset' ? [expr.set] : []))),
    ),
  )
  const parts = [
    ...[...sets.values()].flatMap((set) => printSet(set, options, filled.has(set.spec.name))),
    ...(options.rules === false ? [] : [...chains.values()].map((chain) => printChain(chain, ruleset))),
  ]
  const comment = table.comment === undefined ? '' : `\tcomment ${quoted(table.comment)}\n`
  return `table ${table.family} ${table.name} {\n${comment}${parts.map(indented).join('\n')}}\n`
}

function printSet({ spec, elements }: NamedSet, options: PrintOptions, filled: boolean): string[] {
  const kept = [...elements].filter(([key, datum]) => options.keep?.(spec.name, key, datum) ?? true)
  if (kept.length === 0 && options.keep) return []
  const lines = [`type ${typeOf(spec)}`]
  // A set that a rule fills has a size, if not its own then one that the kernel gave it.
  const size = filled ? maxSize(spec) : spec.size
  if (size !== undefined) lines.push(`size ${size}`)
  const flags = [...(spec.dynamic ? ['dynamic'] : []), ...(spec.timeout === undefined ? [] : ['timeout'])]
  if (flags.length > 0) lines.push(`flags ${flags.join(',')}`)
  if (spec.counter) lines.push('counter')
  if (spec.timeout) lines.push(`timeout ${printTime(spec.timeout)}`)
  if (spec.comment !== undefined) lines.push(`comment ${quoted(spec.comment)}`)
  if (kept.length > 0) lines.push(printElements(spec, kept, options))
  return [block(`${spec.data ? 'map' : 'set'} ${spec.name}`, lines)]
}

function printElements(spec: SetSpec, elements: readonly [Packed, Datum][], { note, counts }: PrintOptions): string {
  let ends = ''
  const lines = elements.map(([key, datum], i) => {
    const words = note?.(spec.name, key, datum)
    const last = i === elements.length - 1
    // A note takes the rest of its line: the bracket behind the last one has to wait for the next.
    if (last) ends = words === undefined ? ' }' : '\n\t}'
    const comma = last && words === undefined ? '' : ','
    return `${printElement(spec, key, datum, counts?.(spec.name, key))}${comma}${words === undefined ? '' : ` # ${harmless(words)}`}`
  })
  return `elements = { ${lines.join('\n\t\t     ')}${ends}`
}

function printElement({ key: fields, data, counter }: SetSpec, key: Packed, datum: Datum, counts?: Counts): string {
  const counted = counts ? ` counter packets ${counts.packets} bytes ${counts.bytes}` : ' counter'
  const left = `${printFields(key, fields)}${counter ? counted : ''}`
  if (datum === null) return left
  if (typeof datum !== 'string') return `${left} : ${printVerdict(datum)}`
  return `${left} : ${printFields(datum, data === 'verdict' ? [] : (data ?? []))}`
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

function block(head: string, lines: readonly string[]): string {
  return `${head} {\n${lines.map((line) => `\t${line}\n`).join('')}}\n`
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '\t')
}
