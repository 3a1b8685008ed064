import type { Node } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'

export type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number]
type Toleration = NonNullable<Pod['spec']['tolerations']>[number]

export const unreachable = 'node.kubernetes.io/unreachable'

export function tolerates(pod: Pod, taint: Taint): boolean {
  return pod.spec.tolerations?.some((toleration) => covers(toleration, taint)) ?? false
}

/** Milliseconds for which the pod bears all of these taints: 0 when one is not tolerated, undefined when it bears them for ever. */
export function bearsFor(pod: Pod, taints: readonly Taint[]): number | undefined {
  const times = taints.map((taint) => {
    const matching = (pod.spec.tolerations ?? []).filter((toleration) => covers(toleration, taint))
    if (matching.length === 0) return 0
    return Math.min(
      ...matching.map(({ tolerationSeconds = Number.POSITIVE_INFINITY }) => Math.max(0, tolerationSeconds) * 1000),
    )
  })
  const shortest = Math.min(...times)
  return shortest === Number.POSITIVE_INFINITY ? undefined : shortest
}

/** v1.Toleration.ToleratesTaint: an empty key tolerates every key, an empty effect every effect. */
function covers({ key, operator = 'Equal', value = '', effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false
  if (key && key !== taint.key) return false
  return operator === 'Exists' || (operator === 'Equal' && Boolean(key) && value === (taint.value ?? ''))
}
