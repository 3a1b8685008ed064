import type { IntOrString } from '../../api/objects/meta.ts'
import type { Deployment } from '../../api/objects/workload.ts'

/** How many pods a rolling update may have above the wanted number. */
export function maxSurge(deployment: Deployment): number {
  return limitsOf(deployment).surge
}

/** How many pods of the wanted number may be missing meanwhile. */
export function maxUnavailable(deployment: Deployment): number {
  return limitsOf(deployment).unavailable
}

/** Surge is rounded up, unavailability down; when both come to 0 one pod may be missing, or nothing could ever move. */
function limitsOf({ spec }: Deployment): { surge: number; unavailable: number } {
  const replicas = spec.replicas ?? 1
  if (spec.strategy?.type === 'Recreate' || replicas === 0) return { surge: 0, unavailable: 0 }
  const rolling = spec.strategy?.rollingUpdate
  const surge = resolve(rolling?.maxSurge ?? '25%', replicas, Math.ceil)
  const unavailable = resolve(rolling?.maxUnavailable ?? '25%', replicas, Math.floor)
  return { surge, unavailable: Math.min(surge === 0 && unavailable === 0 ? 1 : unavailable, replicas) }
}

function resolve(value: IntOrString, total: number, round: (value: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseInt(value, 10) * total) / 100)
}
