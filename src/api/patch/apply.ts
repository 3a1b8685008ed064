import { ApiError } from '../client/client.ts'
import { type AnyObject, clone, equal, isRecord, own, set } from '../json.ts'
import { type Field, fieldsOf, type Type } from '../schema/types.ts'
import {
  below,
  common,
  type FieldSet,
  fieldSetOf,
  formatPath,
  isLeaf,
  leavesOf,
  removeAt,
  stepOf,
  valueAt,
  without,
} from './fieldset.ts'

export interface ApplyOptions {
  /** Who applies; every manager owns the fields it applied last. */
  manager: string
  /** Take fields from other managers instead of failing with Conflict. */
  force: boolean
  time: string
}

/** One manager's entry in metadata.managedFields. */
interface Managed {
  manager: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  time: string
  fieldsType: 'FieldsV1'
  fieldsV1: FieldSet
}

/**
 * Server-side apply (KEP-555) among those who apply: what the manager says is merged in, lists by their keys; what it said
 * last time and does not say now goes, unless another manager says it too; what another one says differently is a conflict.
 * Changes made by other verbs have no owner here, so they neither conflict nor keep a field. Changes and returns `live`.
 */
export function applyPatch(live: AnyObject, applied: AnyObject, type: string, options: ApplyOptions): AnyObject {
  const root: Type = { is: 'object', name: type }
  const wanted = ownable(applied)
  const fields = fieldSetOf(wanted, root)
  const others = managedBy(live).filter((one) => one.operation !== 'Apply' || one.manager !== options.manager)
  const before = managedBy(live).find((one) => one.operation === 'Apply' && one.manager === options.manager)

  const conflicts = others.flatMap((other) =>
    leavesOf(common(fields, other.fieldsV1))
      .filter((path) => !equal(valueAt(live, path), valueAt(wanted, path)))
      .map((path) => ({ other, path })),
  )
  if (conflicts.length > 0 && !options.force)
    throw conflicting(conflicts.map(({ other, path }) => [other.manager, formatPath(path)]))

  // First out with what is gone: what is said now comes on top.
  const owned = (path: readonly string[]): boolean => others.some((other) => owns(other.fieldsV1, path))
  for (const path of leavesOf(without(before?.fieldsV1 ?? {}, fields))) {
    // Managed fields can be written by clients; what makes the object itself is not in their hands.
    if (path[0] === 'f:metadata' && !ownableMetadata.has(path[1] ?? '')) continue
    if (!owned(path)) removeAt(live, path)
    else if (path.at(-1)?.startsWith('k:'))
      // Another manager has this item too: only what was ours alone goes from it.
      for (const leaf of leavesOf(below(before?.fieldsV1 ?? {}, path) ?? {}, path))
        if (!owned(leaf)) removeAt(live, leaf)
  }
  const target = merge(live, wanted, root) as AnyObject
  const { resourceVersion, uid } = applied.metadata
  if (resourceVersion !== undefined) target.metadata.resourceVersion = resourceVersion
  if (uid !== undefined) target.metadata.uid = uid

  const entry: Managed = {
    manager: options.manager,
    operation: 'Apply',
    apiVersion: applied.apiVersion ?? live.apiVersion,
    // Applying the same again is no change, so the time stays too.
    time: before && equal(before.fieldsV1, fields) ? before.time : options.time,
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
  }
  const taken = conflicts.map(({ path }) => path)
  const rest = others
    .map((other) => ({ ...other, fieldsV1: lessThan(other.fieldsV1, taken) }))
    .filter((other) => !isLeaf(other.fieldsV1))
  ;(target.metadata as { managedFields?: Managed[] }).managedFields = [...rest, entry]
  return target
}

/** The first apply of an object that is not there yet. */
export function firstApply(applied: AnyObject, type: string, options: ApplyOptions): AnyObject {
  const { name, namespace } = applied.metadata
  const empty = {
    apiVersion: applied.apiVersion,
    kind: applied.kind,
    metadata: { name, ...(namespace && { namespace }) },
  }
  return applyPatch(empty, applied, type, options)
}

const ownableMetadata = new Set(['f:labels', 'f:annotations', 'f:finalizers', 'f:ownerReferences'])

/** What a manager can own: names, versions and what the server writes belong to nobody. */
function ownable(applied: AnyObject): AnyObject {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = clone(applied)
  const { labels, annotations, finalizers, ownerReferences } = metadata ?? {}
  const meta = Object.entries({ labels, annotations, finalizers, ownerReferences }).filter(
    ([, value]) => value !== undefined,
  )
  return { ...rest, ...(meta.length > 0 && { metadata: Object.fromEntries(meta) }) } as unknown as AnyObject
}

function managedBy(object: AnyObject): Managed[] {
  const entries = (object.metadata as { managedFields?: unknown }).managedFields
  return Array.isArray(entries) ? (entries as Managed[]).filter((one) => isRecord(one.fieldsV1)) : []
}

function owns(fields: FieldSet, path: readonly string[]): boolean {
  return below(fields, path) !== undefined
}

function lessThan(fields: FieldSet, paths: readonly (readonly string[])[]): FieldSet {
  const left = clone(fields) as Record<string, unknown>
  for (const path of paths) prune(left, path)
  return left as FieldSet
}

function prune(fields: Record<string, unknown>, [step, ...rest]: readonly string[]): void {
  const inner = step === undefined ? undefined : own(fields, step)
  if (step === undefined || !isRecord(inner)) return
  if (rest.length > 0 && !isLeaf(inner as FieldSet)) prune(inner, rest)
  if (isLeaf(inner as FieldSet)) delete fields[step]
}

function merge(target: unknown, applied: unknown, type: Type | undefined): unknown {
  if (!isRecord(applied) || !isRecord(target)) return applied
  const fields = type?.is === 'object' ? fieldsOf(type.name) : undefined
  for (const [key, value] of Object.entries(applied)) {
    const field = fields?.get(key)
    const before = own(target, key)
    if (Array.isArray(value) && Array.isArray(before) && field?.merge !== undefined)
      set(target, key, mergeList(before, value, field))
    else set(target, key, merge(before, value, field?.type))
  }
  return target
}

function mergeList(before: unknown[], applied: unknown[], field: Field): unknown[] {
  const merged = [...before]
  for (const item of applied) {
    const at = merged.findIndex((old) => stepOf(old, field) === stepOf(item, field))
    if (at < 0) merged.push(item)
    else merged[at] = merge(merged[at], item, field.type.is === 'list' ? field.type.of : undefined)
  }
  return merged
}

function conflicting(conflicts: [manager: string, path: string][]): ApiError {
  const one = conflicts.length === 1
  const said = conflicts.map(([manager, path]) => `conflict with ${JSON.stringify(manager)}: ${path}`)
  return new ApiError(
    409,
    'Conflict',
    `Apply failed with ${conflicts.length} conflict${one ? '' : 's'}: ${one ? said[0] : `conflicts:\n${said.map((line) => `- ${line}`).join('\n')}`}`,
    {
      causes: conflicts.map(([manager, path]) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${JSON.stringify(manager)}`,
        field: path,
      })),
    },
  )
}
