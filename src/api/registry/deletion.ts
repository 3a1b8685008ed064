import type { DeleteOptions } from '../client/client.ts'
import { type AnyObject, clone } from '../json.ts'
import type { Namespace } from '../objects/simple.ts'
import type { Resource } from '../resources.ts'
import { strategyOf } from './kinds.ts'
import { timestamp } from './meta.ts'

/**
 * What an object becomes when its deletion is asked for; undefined: it goes at once. An object with finalizers or a grace
 * period stays, marked, until whoever holds it is done. Orphaning and foreground deletion are finalizers that the
 * garbage collector works off, as in k8s.io/apiserver's registry store.
 */
export function nextOnDelete(
  resource: Resource,
  old: AnyObject,
  asked: DeleteOptions,
  now: Date,
): AnyObject | undefined {
  const next = clone(old)
  const meta = next.metadata
  const finalizers = new Set(meta.finalizers)
  if (asked.propagationPolicy !== undefined) {
    finalizers.delete('orphan')
    finalizers.delete('foregroundDeletion')
    if (asked.propagationPolicy === 'Orphan') finalizers.add('orphan')
    if (asked.propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion')
  }
  if (finalizers.size > 0) meta.finalizers = [...finalizers]
  else delete meta.finalizers

  const grace = strategyOf(resource.kind).gracePeriod?.(next, asked.gracePeriodSeconds) ?? 0
  if (resource.kind === 'Namespace') {
    const namespace = next as unknown as Namespace
    if (finalizers.size === 0 && !namespace.spec?.finalizers?.length) return undefined
    namespace.status = { ...namespace.status, phase: 'Terminating' }
  } else if (finalizers.size === 0 && grace === 0) {
    return undefined
  }
  // A second request can only shorten what the first one granted.
  const granted =
    meta.deletionTimestamp === undefined ? Number.POSITIVE_INFINITY : (meta.deletionGracePeriodSeconds ?? 0)
  if (grace < granted) {
    const since =
      meta.deletionTimestamp === undefined ? now.getTime() : Date.parse(meta.deletionTimestamp) - granted * 1000
    meta.deletionTimestamp = timestamp(new Date(since + grace * 1000))
    meta.deletionGracePeriodSeconds = grace
    if (meta.generation !== undefined) meta.generation++
  }
  return next
}
