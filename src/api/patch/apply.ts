import { type AnyObject, clone, isRecord, own, set } from '../json.ts'
import { fieldsOf, type Type } from '../schema/types.ts'

/**
 * Server-side apply without ownership: what the applied object says is put into the stored one, lists of objects by their
 * keys; what it does not say stays. Nothing is removed and nobody conflicts, because no field has an owner here.
 */
export function applyPatch(target: AnyObject, applied: AnyObject, type: string): AnyObject {
  const { metadata, ...rest } = clone(applied)
  const { resourceVersion, uid, labels, annotations, finalizers, ownerReferences } = metadata
  const meta = Object.fromEntries(
    Object.entries({ resourceVersion, uid, labels, annotations, finalizers, ownerReferences }).filter(
      ([, value]) => value !== undefined,
    ),
  )
  return merge(target, { ...rest, metadata: meta }, { is: 'object', name: type }) as AnyObject
}

function merge(target: unknown, applied: unknown, type: Type | undefined): unknown {
  if (!isRecord(applied) || !isRecord(target)) return applied
  const fields = type?.is === 'object' ? fieldsOf(type.name) : undefined
  for (const [key, value] of Object.entries(applied)) {
    const field = fields?.get(key)
    const before = own(target, key)
    const rule = field?.merge
    if (Array.isArray(value) && Array.isArray(before) && rule !== undefined && field?.type.is === 'list')
      set(target, key, mergeList(before, value, rule.key, field.type.of))
    else set(target, key, merge(before, value, field?.type))
  }
  return target
}

function mergeList(before: unknown[], applied: unknown[], key: string | undefined, type: Type): unknown[] {
  if (key === undefined) return [...new Set([...before, ...applied])]
  const idOf = (item: unknown): string =>
    isRecord(item)
      ? JSON.stringify([item[key], key === 'port' || key === 'containerPort' ? (item['protocol'] ?? 'TCP') : ''])
      : ''
  const merged = [...before]
  for (const item of applied) {
    const at = merged.findIndex((old) => idOf(old) === idOf(item))
    if (at < 0) merged.push(item)
    else merged[at] = merge(merged[at], item, type)
  }
  return merged
}
