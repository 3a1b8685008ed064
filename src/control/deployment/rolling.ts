import type { Deployment, ReplicaSet } from '../../api/objects/workload.ts'
import type { Found } from './deployment.ts'
import { maxSurge, maxUnavailable } from './limits.ts'

/** How many pods each set is to have; sets that are not named stay as they are. */
export type Sizes = Map<ReplicaSet, number>

/** One step of a rolling update: up with the new when there is room above, else down with the old when enough are available. */
export function rollingSizes({ deployment, current, old }: Found): Sizes {
  if (!current) return new Map()
  const size = sizeOfNew(deployment, current, old)
  if (size !== sizeOf(current)) return new Map([[current, size]])
  return downWithOld(deployment, current, old)
}

/** As many as are wanted, as far as the surge has room for them. */
export function sizeOfNew(deployment: Deployment, current: ReplicaSet | undefined, old: readonly ReplicaSet[]): number {
  const wanted = deployment.spec.replicas ?? 1
  const present = current ? sizeOf(current) : 0
  if (deployment.spec.strategy?.type === 'Recreate' || present > wanted) return wanted
  const room = wanted + maxSurge(deployment) - present - total(old)
  return room <= 0 ? present : present + Math.min(room, wanted - present)
}

function downWithOld(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): Sizes {
  const sizes: Sizes = new Map()
  const least = (deployment.spec.replicas ?? 1) - maxUnavailable(deployment)
  const newMissing = sizeOf(current) - available(current)
  let spare = sizeOf(current) + total(old) - least - newMissing
  if (total(old) === 0 || spare <= 0) return sizes
  const cut = (set: ReplicaSet, by: number): void => {
    if (by > 0) sizes.set(set, (sizes.get(set) ?? sizeOf(set)) - by)
  }
  // First the pods that are of no use: giving them up makes nothing worse.
  for (const set of old) {
    const useless = Math.min(Math.max(0, sizeOf(set) - available(set)), spare)
    cut(set, useless)
    spare -= useless
  }
  let surplus = [current, ...old].reduce((sum, set) => sum + available(set), 0) - least
  for (const set of old) {
    const by = Math.max(0, Math.min(sizes.get(set) ?? sizeOf(set), surplus))
    cut(set, by)
    surplus -= by
  }
  return sizes
}

export function sizeOf(set: ReplicaSet): number {
  return set.spec.replicas ?? 1
}

export function total(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + sizeOf(set), 0)
}

function available(set: ReplicaSet): number {
  return set.status?.availableReplicas ?? 0
}
