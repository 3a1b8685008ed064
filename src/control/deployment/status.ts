import type { Condition } from '../../api/objects/meta.ts'
import type { Deployment, ReplicaSet } from '../../api/objects/workload.ts'
import { timeOf, timestamp } from '../clock.ts'
import { conditionOf, withCondition } from '../conditions.ts'
import { maxUnavailable } from './limits.ts'

type Status = NonNullable<Deployment['status']>

/**
 * What `kubectl rollout status` and `kubectl wait` read. `made` names a set that is being made in this very step.
 * `again`: when the deadline of progress may pass without any other event.
 */
export function statusOf(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  made: string | undefined,
  now: number,
): { status: Status; again?: number } {
  const counts = countsOf(deployment, sets, current)
  const progress = progressOf(deployment, counts, current, made, now)
  let conditions = withCondition(deployment.status?.conditions, availabilityOf(deployment, counts, now))
  if (progress) conditions = withCondition(conditions, progress)
  const deadline = deadlineOf(deployment, progress, now)
  return { status: { ...counts, conditions }, ...(deadline !== undefined && { again: deadline }) }
}

/** Every wanted pod is of the present template and available, and no other is left. */
export function isComplete({ spec, metadata }: Deployment, status: Status): boolean {
  const wanted = spec.replicas ?? 1
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0, observedGeneration = 0 } = status
  return (
    updatedReplicas === wanted &&
    replicas === wanted &&
    availableReplicas === wanted &&
    observedGeneration >= (metadata.generation ?? 0)
  )
}

function countsOf(
  { metadata, status }: Deployment,
  sets: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
): Status {
  const sum = (field: 'replicas' | 'readyReplicas' | 'availableReplicas'): number =>
    sets.reduce((total, set) => total + (set.status?.[field] ?? 0), 0)
  const [replicas, ready, available] = [sum('replicas'), sum('readyReplicas'), sum('availableReplicas')]
  const updated = current?.status?.replicas ?? 0
  return {
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
    // Zeros are left out, as upstream's `omitempty` does.
    ...(replicas > 0 && { replicas }),
    ...(updated > 0 && { updatedReplicas: updated }),
    ...(ready > 0 && { readyReplicas: ready }),
    ...(available > 0 && { availableReplicas: available }),
    ...(replicas > available && { unavailableReplicas: replicas - available }),
    ...(status?.collisionCount !== undefined && { collisionCount: status.collisionCount }),
  }
}

function availabilityOf(deployment: Deployment, { availableReplicas = 0 }: Status, now: number): Condition {
  const enough = availableReplicas >= (deployment.spec.replicas ?? 1) - maxUnavailable(deployment)
  const old = conditionOf(deployment.status, 'Available')
  const status = enough ? 'True' : 'False'
  if (old?.status === status) return old
  return at(now, {
    type: 'Available',
    status,
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
  })
}

/** The condition Progressing, in upstream's reasons and words (pkg/controller/deployment/progress.go). */
function progressOf(
  deployment: Deployment,
  counts: Status,
  current: ReplicaSet | undefined,
  made: string | undefined,
  now: number,
): Condition | undefined {
  const old = conditionOf(deployment.status, 'Progressing')
  const say = (status: Condition['status'], reason: string, message: string): Condition =>
    at(now, { type: 'Progressing', status, reason, message })
  const subject = current ? `ReplicaSet "${current.metadata.name}"` : `Deployment "${deployment.metadata.name}"`
  if (deployment.spec.paused)
    return old?.reason === 'DeploymentPaused' || old?.reason === 'ProgressDeadlineExceeded'
      ? old
      : say('Unknown', 'DeploymentPaused', 'Deployment is paused')
  if (old?.reason === 'DeploymentPaused') return say('Unknown', 'DeploymentResumed', 'Deployment is resumed')
  if (made !== undefined) return say('True', 'NewReplicaSetCreated', `Created new replica set "${made}"`)
  const settled = counts.replicas === counts.updatedReplicas && old?.reason === 'NewReplicaSetAvailable'
  if (settled) return old
  if (isComplete(deployment, counts))
    return say('True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`)
  if (old && !moved(deployment.status ?? {}, counts)) {
    const left = leftOf(deployment, old, now)
    return left === undefined || left > 0
      ? old
      : say('False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`)
  }
  if (!old && current) return say('True', 'FoundNewReplicaSet', `Found new replica set "${current.metadata.name}"`)
  return old ? say('True', 'ReplicaSetUpdated', `${subject} is progressing.`) : undefined
}

function moved(before: Status, now: Status): boolean {
  const old = (status: Status): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0)
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0) ||
    old(now) < old(before)
  )
}

function deadlineOf(deployment: Deployment, progress: Condition | undefined, now: number): number | undefined {
  const left = progress && leftOf(deployment, progress, now)
  return left !== undefined && left > 0 ? left : undefined
}

/** Milliseconds until the deadline of progress; undefined when none runs. */
function leftOf({ spec }: Deployment, { reason, lastUpdateTime }: Condition, now: number): number | undefined {
  const over = ['NewReplicaSetAvailable', 'ProgressDeadlineExceeded', 'DeploymentPaused'].includes(reason ?? '')
  if (over || spec.progressDeadlineSeconds === undefined) return undefined
  return timeOf(lastUpdateTime) + spec.progressDeadlineSeconds * 1000 - now
}

function at(now: number, condition: Condition): Condition {
  return { ...condition, lastUpdateTime: timestamp(now), lastTransitionTime: timestamp(now) }
}
