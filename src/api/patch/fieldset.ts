import { isRecord, own, set } from '../json.ts'
import { fieldsOf, type Field, type Type } from '../schema/types.ts'

/**
 * The fields that somebody set, in the form of metadata.managedFields (FieldsV1): `f:name` for a field, `k:{"name":"web"}` for
 * an item of a list that merges by keys, `v:"a"` for an item of a set. An empty set is a leaf: the whole value.
 */
export interface FieldSet {
  readonly [step: string]: FieldSet
}

/** Every field that a value of this type sets. */
export function fieldSetOf(value: unknown, type: Type | undefined, field?: Field): FieldSet {
  if (isRecord(value)) {
    const fields = type?.is === 'object' ? fieldsOf(type.name) : undefined
    const inner = (key: string): FieldSet => {
      const of = fields?.get(key)
      return fieldSetOf(own(value, key), of?.type ?? (type?.is === 'map' ? type.of : undefined), of)
    }
    return collected(Object.keys(value).map((key) => [`f:${key}`, inner(key)]))
  }
  if (Array.isArray(value) && field?.merge !== undefined && type?.is === 'list')
    return collected(value.map((item) => [stepOf(item, field), isRecord(item) ? fieldSetOf(item, type.of) : {}]))
  return {}
}

/** What is in `a` and not in `b`. An item of a list that `b` does not have at all is one leaf: the whole item. */
export function without(a: FieldSet, b: FieldSet): FieldSet {
  const rest: [string, FieldSet][] = []
  for (const [step, inner] of Object.entries(a)) {
    const other = own(b, step) as FieldSet | undefined
    if (other === undefined) rest.push([step, step.startsWith('k:') ? {} : inner])
    else if (!isLeaf(inner)) {
      const left = without(inner, other)
      if (!isLeaf(left)) rest.push([step, left])
    }
  }
  return collected(rest)
}

/** What is in both. */
export function common(a: FieldSet, b: FieldSet): FieldSet {
  const both: [string, FieldSet][] = []
  for (const [step, inner] of Object.entries(a)) {
    const other = own(b, step) as FieldSet | undefined
    if (other === undefined) continue
    // An empty map or list beside one with content shares nothing with it.
    if (isLeaf(inner) && isLeaf(other)) both.push([step, {}])
    else if (!isLeaf(inner) && !isLeaf(other)) {
      const shared = common(inner, other)
      if (!isLeaf(shared)) both.push([step, shared])
    }
  }
  return collected(both)
}

export function isLeaf(fields: FieldSet): boolean {
  return Object.keys(fields).length === 0
}

/** Each leaf as the way to it. */
export function leavesOf(fields: FieldSet, path: readonly string[] = []): string[][] {
  return Object.entries(fields).flatMap(([step, inner]) =>
    isLeaf(inner) ? [[...path, step]] : leavesOf(inner, [...path, step]),
  )
}

/** The value at the end of a way, undefined when there is none. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce((at, step) => placeOf(at, step)?.get(), value)
}

/** The fields below a way; undefined when it is not in the set. */
export function below(fields: FieldSet, path: readonly string[]): FieldSet | undefined {
  let at: FieldSet | undefined = fields
  for (const step of path) at = at && (own(at, step) as FieldSet | undefined)
  return at
}

/** Removes what is at the end of a way, and containers that it leaves empty on the way. */
export function removeAt(value: unknown, [step, ...rest]: readonly string[]): void {
  const place = step === undefined ? undefined : placeOf(value, step)
  if (place === undefined) return
  const inner = place.get()
  if (rest.length > 0) removeAt(inner, rest)
  const empty = typeof inner === 'object' && inner !== null && Object.keys(inner).length === 0
  if (rest.length === 0 || empty) place.remove()
}

/** `.spec.ports[port=80,protocol="TCP"].name`, as upstream shows a way. */
export function formatPath(path: readonly string[]): string {
  return path
    .map((step) => {
      if (step.startsWith('f:')) return `.${step.slice(2)}`
      if (step.startsWith('v:')) return `[=${step.slice(2)}]`
      return `[${Object.entries(parsedStep(step) ?? {})
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .join(',')}]`
    })
    .join('')
}

/** The step to an item of a list: by its keys, or by its value. */
export function stepOf(item: unknown, { merge }: Field): string {
  const key = merge?.key
  if (key === undefined || !isRecord(item)) return `v:${JSON.stringify(item)}`
  const keys: Record<string, unknown> = { [key]: item[key] }
  if (key === 'port' || key === 'containerPort') keys['protocol'] = item['protocol'] ?? 'TCP'
  return `k:${JSON.stringify(keys)}`
}

interface Place {
  get(): unknown
  remove(): void
}

function placeOf(value: unknown, step: string): Place | undefined {
  if (step.startsWith('f:')) {
    const key = step.slice(2)
    if (!isRecord(value) || !Object.hasOwn(value, key)) return undefined
    return { get: () => value[key], remove: () => void delete value[key] }
  }
  if (!Array.isArray(value)) return undefined
  const wanted = parsedStep(step)
  const at = value.findIndex((item) => (step.startsWith('v:') ? item === wanted : hasKeys(item, wanted)))
  return at < 0 ? undefined : { get: () => value[at], remove: () => void value.splice(at, 1) }
}

/** Clients may write managed fields, so a step can be anything; what cannot be read names nothing. */
function parsedStep(step: string): unknown {
  try {
    return JSON.parse(step.slice(2))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function hasKeys(item: unknown, keys: unknown): boolean {
  if (!isRecord(item) || !isRecord(keys)) return false
  return Object.entries(keys).every(([key, value]) => (item[key] ?? (key === 'protocol' ? 'TCP' : undefined)) === value)
}

function collected(entries: [string, FieldSet][]): FieldSet {
  const fields: Record<string, unknown> = {}
  for (const [step, inner] of entries) set(fields, step, inner)
  return fields as FieldSet
}
