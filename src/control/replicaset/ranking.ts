import type { Pod } from '../../api/objects/pod.ts'
import { timeOf } from '../clock.ts'
import { conditionOf, isReady } from '../conditions.ts'

/**
 * The pods in the order in which a set that has too many gives them up (upstream's ActivePodsWithRanks): first who does least. On a
 * node where the deployment has many pods, one is missed less, so scaling down keeps the spread.
 */
export function leastMissed(pods: readonly Pod[], relatives: readonly Pod[]): Pod[] {
  const onNode = new Map<string, number>()
  for (const { spec } of relatives) onNode.set(spec.nodeName ?? '', (onNode.get(spec.nodeName ?? '') ?? 0) + 1)
  const crowd = (pod: Pod): number => onNode.get(pod.spec.nodeName ?? '') ?? 0
  const order: ((pod: Pod) => number)[] = [
    (pod) => (pod.spec.nodeName ? 1 : 0),
    (pod) => ['Pending', 'Unknown', 'Running'].indexOf(pod.status?.phase ?? 'Pending'),
    (pod) => (isReady(pod) ? 1 : 0),
    (pod) => Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0,
    (pod) => -crowd(pod),
    // Who has been ready for longer stays.
    (pod) => -(isReady(pod) ? timeOf(conditionOf(pod.status, 'Ready')?.lastTransitionTime) : 0),
    (pod) => -Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount)),
    (pod) => -timeOf(pod.metadata.creationTimestamp),
  ]
  return [...pods].sort((a, b) => {
    for (const by of order) if (by(a) !== by(b)) return by(a) - by(b)
    return a.metadata.name < b.metadata.name ? -1 : 1
  })
}
