import type { Deployment, ReplicaSet } from '../../api/objects/workload.ts'
import type { Found } from './deployment.ts'
import { maxSurge } from './limits.ts'
import { type Sizes, sizeOf, total } from './rolling.ts'
import { desiredKey, maxKey } from './sets.ts'

/** Somebody changed `replicas` since the sets were sized last. */
export function isScalingEvent({ spec }: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const told = set.metadata.annotations?.[desiredKey]
    return sizeOf(set) > 0 && told !== undefined && Number(told) !== (spec.replicas ?? 1)
  })
}

/**
 * A new number of replicas, without moving the rollout on: a single active set takes it all; in the middle of a rolling update each
 * set gets its share, so that the risk that the rollout has reached stays what it was.
 */
export function scaleProportionally({ deployment, current, old }: Found): Sizes {
  const wanted = deployment.spec.replicas ?? 1
  const all = [...(current ? [current] : []), ...old]
  const active = all.filter((set) => sizeOf(set) > 0)
  const only = active.length === 0 ? (current ?? old.at(-1)) : active.length === 1 ? active[0] : undefined
  if (only) return new Map([[only, wanted]])
  if (current && isSaturated(deployment, current)) return new Map(old.map((set) => [set, 0]))
  if (active.length === 0 || deployment.spec.strategy?.type === 'Recreate') return new Map()

  const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0
  let rest = allowed - total(active)
  const grows = rest > 0
  const sizes: Sizes = new Map()
  // The biggest first; of equals the newest when growing, the oldest when shrinking.
  const order = (grows ? [...active].reverse() : [...active]).sort((a, b) => sizeOf(b) - sizeOf(a))
  for (const set of order) {
    const share = shareOf(deployment, set, wanted)
    const by = grows ? Math.max(0, Math.min(share, rest)) : Math.min(0, Math.max(share, rest))
    sizes.set(set, sizeOf(set) + by)
    rest -= by
  }
  // What rounding left over goes to the biggest.
  const first = order[0]
  if (first) sizes.set(first, Math.max(0, (sizes.get(first) ?? 0) + rest))
  return sizes
}

/** By how much a set grows or shrinks to keep its part of the whole. */
function shareOf(deployment: Deployment, set: ReplicaSet, wanted: number): number {
  const size = sizeOf(set)
  if (wanted === 0) return -size
  const before = Number(set.metadata.annotations?.[maxKey]) || deployment.status?.replicas || 0
  if (before === 0) return 0
  return Math.round((size * (wanted + maxSurge(deployment))) / before) - size
}

function isSaturated({ spec }: Deployment, set: ReplicaSet): boolean {
  const wanted = spec.replicas ?? 1
  const told = Number(set.metadata.annotations?.[desiredKey])
  return sizeOf(set) === wanted && told === wanted && (set.status?.availableReplicas ?? 0) === wanted
}
