import { badRequest } from '../errors.ts'
import { clone, equal, isRecord, own, set } from '../json.ts'
import { type Field, fieldsOf, type Type } from '../schema/types.ts'

type Fieldset = Record<string, unknown>

/**
 * Kubernetes' strategic merge patch on an object of a named schema type: as a merge patch, but lists of objects merge by their
 * key and sets of plain values unite. Directives: `$patch: replace | delete | merge`, `$retainKeys`,
 * `$deleteFromPrimitiveList/x`, `$setElementOrder/x`. Changes and returns `target`.
 */
export function strategicPatch(target: unknown, patch: unknown, type: string): unknown {
  if (!isRecord(patch)) throw badRequest('a strategic merge patch is an object')
  return mergeObject(isRecord(target) ? target : {}, patch, type)
}

function mergeObject(target: Fieldset, patch: Fieldset, type: string | undefined): Fieldset {
  const directive = own(patch, '$patch')
  if (directive === 'replace') return withoutDirectives(patch)
  if (directive === 'delete') return {}
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`unknown $patch directive ${JSON.stringify(directive)}`)
  const retained = own(patch, '$retainKeys')
  if (Array.isArray(retained)) for (const key of Object.keys(target)) if (!retained.includes(key)) delete target[key]

  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys') continue
    const [, list, of] = /^\$(deleteFromPrimitiveList|setElementOrder)\/(.*)$/.exec(key) ?? []
    if (list === 'deleteFromPrimitiveList' && of !== undefined) deleteFromSet(target, of, value)
    else if (list === undefined)
      mergeField(target, key, value, type === undefined ? undefined : fieldsOf(type).get(key))
  }
  // The order is of the lists as they are after the merge.
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith('$setElementOrder/')) continue
    const name = key.slice('$setElementOrder/'.length)
    const rule = type === undefined ? undefined : fieldsOf(type).get(name)
    const merged = own(target, name)
    if (Array.isArray(merged) && Array.isArray(value)) set(target, name, reorder(merged, value, rule?.merge?.key))
  }
  return target
}

function mergeField(target: Fieldset, key: string, value: unknown, field: Field | undefined): void {
  if (value === null) {
    delete target[key]
  } else if (Array.isArray(value) && field?.merge !== undefined && field.type.is === 'list') {
    const before = own(target, key)
    set(target, key, mergeList(Array.isArray(before) ? before : [], value, field))
  } else if (isRecord(value)) {
    const before = own(target, key)
    set(target, key, mergeObject(isRecord(before) ? before : {}, value, nameOf(field?.type)))
  } else {
    set(target, key, withoutDirectives(value))
  }
}

function mergeList(before: unknown[], patch: unknown[], field: Field): unknown[] {
  const key = field.merge?.key
  if (key === undefined) return [...before, ...patch.filter((item) => !before.some((old) => equal(old, item)))]
  if (patch.some((item) => isRecord(item) && item['$patch'] === 'replace' && item[key] === undefined))
    return patch
      .filter((item) => !(isRecord(item) && item['$patch'] === 'replace' && Object.keys(item).length === 1))
      .map(withoutDirectives)
  const type = field.type.is === 'list' ? nameOf(field.type.of) : undefined
  const merged = [...before]
  // An item merges once: two ports of one number (TCP and UDP) are two items.
  const used = new Set<unknown>()
  for (const item of patch) {
    if (!isRecord(item) || item[key] === undefined)
      throw badRequest(`each item of ${field.name} in a strategic merge patch needs "${key}"`)
    const same = merged.filter((old) => isRecord(old) && !used.has(old) && equal(old[key], item[key]))
    const match = same.find((old) => isRecord(old) && old['protocol'] === item['protocol']) ?? same[0]
    if (item['$patch'] === 'delete') {
      for (const old of same) merged.splice(merged.indexOf(old), 1)
    } else if (isRecord(match)) {
      const outcome = mergeObject(match, item, type)
      merged[merged.indexOf(match)] = outcome
      used.add(outcome)
    } else {
      const added = mergeObject({}, item, type)
      merged.push(added)
      used.add(added)
    }
  }
  return merged
}

function deleteFromSet(target: Fieldset, key: string, values: unknown): void {
  const before = own(target, key)
  if (!Array.isArray(before) || !Array.isArray(values)) return
  target[key] = before.filter((item) => !values.some((value) => equal(value, item)))
}

/** Items in the order that the patch names; what it does not name keeps its place behind what stood before it. */
function reorder(items: unknown[], order: unknown[], key: string | undefined): unknown[] {
  const idOf = (item: unknown): unknown => (key === undefined ? item : isRecord(item) ? item[key] : undefined)
  const rank = new Map(order.map((item, at) => [JSON.stringify(idOf(item)), at]))
  let last = -1
  return items
    .map((item, at) => {
      const named = rank.get(JSON.stringify(idOf(item)))
      if (named !== undefined) last = named
      return { item, at, place: named ?? last, named: named !== undefined }
    })
    .toSorted((a, b) => a.place - b.place || Number(b.named) - Number(a.named) || a.at - b.at)
    .map(({ item }) => item)
}

/** What is taken over whole must not carry directives into the store. */
function withoutDirectives<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutDirectives) as T
  if (!isRecord(value)) return value
  const plain: Fieldset = {}
  for (const [key, item] of Object.entries(value))
    if (item !== null && !/^\$(patch|retainKeys|deleteFromPrimitiveList\/|setElementOrder\/)/.test(key))
      set(plain, key, withoutDirectives(item))
  return clone(plain) as T
}

function nameOf(type: Type | undefined): string | undefined {
  return type?.is === 'object' ? type.name : undefined
}
