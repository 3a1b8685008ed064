import own from './own.json' with { type: 'json' }
import table from './table.json' with { type: 'json' }

/** The type of a value, as Kubernetes' own schema has it. */
export type Type =
  | { readonly is: 'plain'; readonly code: Plain }
  | { readonly is: 'list'; readonly of: Type }
  | { readonly is: 'map'; readonly of: Type }
  | { readonly is: 'object'; readonly name: string }

/** s string, B bytes in base64, b boolean, i int32, l int64, n number, x integer or string, q quantity, t time, * anything. */
export type Plain = 's' | 'B' | 'b' | 'i' | 'l' | 'n' | 'x' | 'q' | 't' | '*'

export interface Field {
  readonly name: string
  readonly required: boolean
  readonly type: Type
  /** How strategic merge treats it; see scripts/schema-merge-keys.ts. */
  readonly merge: MergeRule | undefined
}

export interface MergeRule {
  /** The field by which a list of objects merges; undefined for a set of plain values and for plain objects. */
  readonly key: string | undefined
  readonly retainKeys: boolean
}

export type Fields = ReadonlyMap<string, Field>

/** Kubernetes' types, generated, and those of our own kinds. */
const lines: Readonly<Record<string, string>> = { ...table, ...own }
const parsed = new Map<string, Fields>()

/** The fields of a type by name: `Container`, `ServicePort`. Parsed when first needed. */
export function fieldsOf(name: string): Fields {
  let fields = parsed.get(name)
  if (fields === undefined) {
    const line = Object.hasOwn(lines, name) ? lines[name] : undefined
    if (line === undefined) throw new Error(`the schema has no type ${name}`)
    fields = new Map(line === '' ? [] : line.split(';').map(fieldOf))
    parsed.set(name, fields)
  }
  return fields
}

/** Whether a type is one of our own kinds' and not Kubernetes'. */
export function isOwn(name: string): boolean {
  return Object.hasOwn(own, name)
}

export function typeNames(): string[] {
  return Object.keys(lines)
}

function fieldOf(text: string): [string, Field] {
  const [label = '', code = '', merge] = text.split(' ')
  const required = label.endsWith('!')
  const name = required ? label.slice(0, -1) : label
  return [name, { name, required, type: typeOf(code), merge: merge === undefined ? undefined : ruleOf(merge.slice(1)) }]
}

function typeOf(code: string): Type {
  if (code.startsWith('[]')) return { is: 'list', of: typeOf(code.slice(2)) }
  if (code.startsWith('{}')) return { is: 'map', of: typeOf(code.slice(2)) }
  return code.length === 1 ? { is: 'plain', code: code as Plain } : { is: 'object', name: code }
}

function ruleOf(text: string): MergeRule {
  const retainKeys = text.endsWith('+')
  const key = retainKeys ? text.slice(0, -1) : text
  return { key: key === '' || key === '=' ? undefined : key, retainKeys }
}
