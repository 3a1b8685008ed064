import type { Pod } from '../../api/objects/pod.ts'
import type { ReplicaSet } from '../../api/objects/workload.ts'
import { timeOf } from '../clock.ts'
import { conditionOf, isReady } from '../conditions.ts'

/** What the set's pods amount to. Zeros are left out, as upstream's `omitempty` does; `replicas` is always there. */
export function statusOf(set: ReplicaSet, active: readonly Pod[], now: number): NonNullable<ReplicaSet['status']> {
  const wanted = Object.entries(set.spec.template.metadata?.labels ?? {})
  const labelled = active.filter((pod) => wanted.every(([key, value]) => pod.metadata.labels?.[key] === value)).length
  const ready = active.filter(isReady).length
  const available = active.filter((pod) => availableIn(pod, set.spec.minReadySeconds ?? 0, now) === 0).length
  const { generation } = set.metadata
  return {
    replicas: active.length,
    ...(labelled > 0 && { fullyLabeledReplicas: labelled }),
    ...(ready > 0 && { readyReplicas: ready }),
    ...(available > 0 && { availableReplicas: available }),
    ...(generation !== undefined && { observedGeneration: generation }),
    ...(set.status?.conditions && { conditions: set.status.conditions }),
  }
}

/** Milliseconds until the pod has been ready for long enough: 0 when it has, undefined when it is not ready. */
export function availableIn(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  if (!isReady(pod)) return undefined
  if (minReadySeconds === 0) return 0
  const since = timeOf(conditionOf(pod.status, 'Ready')?.lastTransitionTime)
  return Math.max(0, since + minReadySeconds * 1000 - now)
}
