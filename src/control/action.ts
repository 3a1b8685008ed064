import type { New } from '../api/client/client.ts'
import { equal, isRecord } from '../api/json.ts'
import type { KindName, Kinds } from '../api/objects/index.ts'
import type { ObjectMeta, ObjectReference, OwnerReference } from '../api/objects/meta.ts'
import { apiVersionOf, resources } from '../api/resources.ts'
import type { AnyObject } from './view.ts'

/** One thing that a loop wants done to the cluster. */
export type Action = { [K in KindName]: Create<K> }[KindName] | Patch | Delete | Bind | Tell

export interface Create<K extends KindName> {
  do: 'create'
  kind: K
  object: New<Kinds[K]>
  /** An event about it; `{name}` stands for the name that the API chose. */
  tell?: Omit<Tell, 'do'>
  /** An event when it is refused; `{error}` stands for the API's words. */
  tellRefusal?: Omit<Tell, 'do'>
}

/** An RFC 7386 merge patch, of the object or of its status. */
export interface Patch {
  do: 'patch'
  kind: KindName
  name: string
  namespace?: string
  patch: object
  part?: 'status'
}

export interface Delete {
  do: 'delete'
  kind: KindName
  name: string
  namespace?: string
  /** Only this very object, not a later one of the same name. */
  uid?: string
  /** Without a grace period: for what nobody is left to end. */
  now?: boolean
  /** Only after its own dependents. */
  foreground?: boolean
  tell?: Omit<Tell, 'do'>
}

/** Gives a pod to a node. */
export interface Bind {
  do: 'bind'
  name: string
  namespace: string
  uid?: string
  node: string
}

/** Records an Event. */
export interface Tell {
  do: 'tell'
  about: ObjectReference
  type: 'Normal' | 'Warning'
  reason: string
  message: string
}

/** What a loop wants for one key now. */
export interface Plan {
  actions: Action[]
  /** Look again after so many milliseconds, although nothing may change until then: for leases, deadlines, ages. */
  again?: number
}

export const nothing: Plan = { actions: [] }

/** The patch that makes `from` into `to`, or none when they are equal: of all but the status, or of the status alone. */
export function change<T extends AnyObject>(from: T, to: T, part?: 'status'): Patch[] {
  const patch = mergePatch(partOf(from, part), partOf(to, part))
  if (patch === undefined) return []
  return [{ do: 'patch', kind: from.kind, ...nameOf(from), patch, ...(part && { part }) }]
}

/** Deletes this very object. */
export function remove(object: AnyObject, more: Pick<Delete, 'now' | 'foreground' | 'tell'> = {}): Delete {
  const { uid } = object.metadata
  return { do: 'delete', kind: object.kind, ...nameOf(object), ...(uid !== undefined && { uid }), ...more }
}

/** An event about an object. */
export function tell(object: AnyObject, type: Tell['type'], reason: string, message: string): Tell {
  return { do: 'tell', about: referenceTo(object), type, reason, message }
}

export function referenceTo(object: AnyObject): ObjectReference {
  const { uid } = object.metadata
  return {
    apiVersion: apiVersionOf(resources[object.kind]),
    kind: object.kind,
    ...nameOf(object),
    ...(uid !== undefined && { uid }),
  }
}

/** The reference of a controller in what it makes (metav1.NewControllerRef). */
export function ownedBy(object: AnyObject): OwnerReference {
  return {
    apiVersion: apiVersionOf(resources[object.kind]),
    kind: object.kind,
    name: object.metadata.name,
    uid: object.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
}

export function controllerOf(object: { metadata: ObjectMeta }): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller)
}

function nameOf(object: AnyObject): { name: string; namespace?: string } {
  const { name, namespace } = object.metadata
  return namespace === undefined ? { name } : { name, namespace }
}

function partOf(object: AnyObject, part: 'status' | undefined): object {
  const { status, ...rest } = object as AnyObject & { status?: unknown }
  return part === 'status' ? { status } : rest
}

/** RFC 7386: objects are merged, null removes, anything else (arrays too) is replaced whole. */
function mergePatch(from: object, to: object): Record<string, unknown> | undefined {
  const old = from as Record<string, unknown>
  const wanted = to as Record<string, unknown>
  const patch: Record<string, unknown> = {}
  for (const key of new Set([...Object.keys(old), ...Object.keys(wanted)])) {
    const [a, b] = [old[key], wanted[key]]
    if (isRecord(a) && isRecord(b)) {
      const inner = mergePatch(a, b)
      if (inner) patch[key] = inner
    } else if (b === undefined) {
      if (a !== undefined) patch[key] = null
    } else if (!equal(a, b)) patch[key] = b
  }
  return Object.keys(patch).length > 0 ? patch : undefined
}
