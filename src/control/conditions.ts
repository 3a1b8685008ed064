import type { Condition } from '../api/objects/meta.ts'
import type { Node } from '../api/objects/node.ts'
import type { Pod } from '../api/objects/pod.ts'

export function conditionOf(status: { conditions?: Condition[] } | undefined, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type)
}

export function isReady(object: Pod | Node): boolean {
  return conditionOf(object.status, 'Ready')?.status === 'True'
}

/** The conditions with one of them set. Its transition time only moves when its status does. */
export function withCondition(conditions: Condition[] | undefined, set: Condition): Condition[] {
  const old = conditions?.find((condition) => condition.type === set.type)
  const { lastTransitionTime } = old?.status === set.status ? old : set
  const next = lastTransitionTime === undefined ? set : { ...set, lastTransitionTime }
  if (!old) return [...(conditions ?? []), next]
  return (conditions ?? []).map((condition) => (condition === old ? next : condition))
}

/** Has run to its end, well or badly, and will not run again. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

export function isTerminating(object: { metadata: { deletionTimestamp?: string } }): boolean {
  return object.metadata.deletionTimestamp !== undefined
}
