import { type Client, keyOf } from '../../api/client/client.ts'
import type { KindName } from '../../api/objects/index.ts'
import type { OwnerReference } from '../../api/objects/meta.ts'
import { allResources, resourceOf } from '../../api/resources.ts'
import { type Action, change, nothing, type Plan, remove } from '../action.ts'
import { isTerminating } from '../conditions.ts'
import type { Loop, Wakes } from '../loop.ts'
import type { AnyObject, View } from '../view.ts'

/**
 * Deletes what has lost its owners, and does what `--cascade=foreground` and `--cascade=orphan` ask for: both leave a finalizer on the
 * owner, which is taken away here when its dependents are gone, or let go.
 */
export function owners(client: Pick<Client, 'get'>): Loop {
  return {
    name: 'owner-garbage',
    wakes: wakes(),
    async desired(key, view) {
      const space = key.indexOf(' ')
      const object = view.get(key.slice(0, space) as KindName, key.slice(space + 1))
      if (!object) return nothing
      if (isTerminating(object)) return { actions: cascade(object, view) }
      const absent = new Set<string>()
      for (const owner of suspects(object, view)) {
        // The owner may only not have reached the view yet, so the API is asked before anything is deleted.
        const resource = resourceOf(owner.apiVersion, owner.kind)
        const found = resource && (await client.get(resource.kind, owner.name, object.metadata.namespace))
        if (found?.metadata.uid !== owner.uid) absent.add(owner.uid)
      }
      return sweep(object, absent)
    },
  }
}

/** Owners that are not in sight, of kinds that are served; of other kinds nobody here can know. */
export function suspects(object: AnyObject, view: View): OwnerReference[] {
  return (object.metadata.ownerReferences ?? []).filter(
    (owner) => resourceOf(owner.apiVersion, owner.kind) !== undefined && !view.byUid(owner.uid),
  )
}

/** An object goes when all its owners are gone; while one lives, only the references to the others do. */
export function sweep(object: AnyObject, absent: ReadonlySet<string>): Plan {
  if (absent.size === 0) return nothing
  const ownerReferences = (object.metadata.ownerReferences ?? []).filter((owner) => !absent.has(owner.uid))
  return { actions: ownerReferences.length === 0 ? [remove(object)] : withMeta(object, { ownerReferences }) }
}

/** The finalizers that the API server leaves on an owner for the collector. */
function cascade(owner: AnyObject, view: View): Action[] {
  const { finalizers = [], uid = '' } = owner.metadata
  const dependents = [...view.dependents(uid)]
  const done = (finalizer: string): Action[] =>
    withMeta(owner, { finalizers: finalizers.filter((name) => name !== finalizer) })
  if (finalizers.includes('orphan')) {
    const letGo = dependents.flatMap((dependent) =>
      withMeta(dependent, {
        ownerReferences: (dependent.metadata.ownerReferences ?? []).filter((one) => one.uid !== uid),
      }),
    )
    return [...letGo, ...done('orphan')]
  }
  if (!finalizers.includes('foregroundDeletion')) return []
  const blocking = dependents.filter((dependent) =>
    dependent.metadata.ownerReferences?.some((one) => one.uid === uid && one.blockOwnerDeletion),
  )
  const foreground = (dependent: AnyObject): boolean => [...view.dependents(dependent.metadata.uid ?? '')].length > 0
  const doomed = dependents
    .filter((dependent) => !isTerminating(dependent))
    .map((dependent) => remove(dependent, { foreground: foreground(dependent) }))
  return [...doomed, ...(blocking.length === 0 ? done('foregroundDeletion') : [])]
}

function withMeta(object: AnyObject, meta: Partial<AnyObject['metadata']>): Action[] {
  return change(object, { ...object, metadata: { ...object.metadata, ...meta } })
}

/** An object that has owners or finalizers is looked at itself; one that changes or goes, wakes its dependents and its owners. */
function wakes(): Wakes {
  const all: Record<string, unknown> = {}
  for (const { kind } of allResources)
    all[kind] = ({ type, object }: { type: string; object: AnyObject }, view: View): string[] => {
      const { ownerReferences = [], finalizers = [], uid = '' } = object.metadata
      if (type !== 'deleted') return ownerReferences.length > 0 || finalizers.length > 0 ? [keyFor(object)] : []
      const waiting = ownerReferences.map((owner) => view.byUid(owner.uid)).filter((owner) => owner !== undefined)
      return [...view.dependents(uid), ...waiting.filter(isTerminating)].map(keyFor)
    }
  return all
}

function keyFor(object: AnyObject): string {
  return `${object.kind} ${keyOf(object)}`
}
