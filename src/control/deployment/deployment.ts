import { keyOf } from '../../api/client/client.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { Deployment, ReplicaSet } from '../../api/objects/workload.ts'
import { selectorMatches } from '../../api/select/labels.ts'
import { type Action, change, controllerOf, nothing, ownedBy, type Plan, remove } from '../action.ts'
import { isFinished, isTerminating } from '../conditions.ts'
import { bothOf, type Loop } from '../loop.ts'
import type { View } from '../view.ts'
import { isScalingEvent, scaleProportionally } from './proportion.ts'
import { type Sizes, rollingSizes, sizeOfNew } from './rolling.ts'
import { newSet, resize, revisionOf, revisionKey, sameTemplate, withRevision } from './sets.ts'
import { isComplete, statusOf } from './status.ts'

/** Brings the pods of a deployment from one template to the next, through one replica set per template. */
export const deployments: Loop = {
  name: 'deployments',
  wakes: {
    Deployment: ({ object }) => [keyOf(object)],
    ReplicaSet: (change, view) => bothOf(change).flatMap((set) => deploymentsFor(set, view)),
    // `Recreate` waits for the end of the last old pod.
    Pod: ({ type, object }, view) => (type === 'deleted' || isFinished(object) ? deploymentOf(object, view) : []),
  },
  desired(key, view, now) {
    const deployment = view.get('Deployment', key)
    return deployment ? reconcile(deployment, view, now) : nothing
  },
}

function reconcile(deployment: Deployment, view: View, now: number): Plan {
  const { actions: claims, sets } = claim(deployment, view)
  const current = sets.filter((set) => sameTemplate(set, deployment)).sort(oldestFirst)[0]
  const old = sets.filter((set) => set !== current).sort(oldestFirst)
  const found = { deployment, current, old }
  if (isTerminating(deployment))
    return { actions: [...claims, ...settle(deployment, sets, current, undefined, now).actions] }

  const actions = [...claims]
  let made: string | undefined
  if (deployment.spec.paused || isScalingEvent(deployment, sets)) {
    actions.push(...resizeAll(deployment, scaleProportionally(found)))
  } else if (!current) {
    const recreating = deployment.spec.strategy?.type === 'Recreate'
    actions.push(...(recreating ? resizeAll(deployment, new Map(old.map((set) => [set, 0]))) : []))
    if (!recreating || !anyLeft(old, view)) {
      const set = newSet(deployment, old, sizeOfNew(deployment, undefined, old), view)
      made = set.name
      actions.push(...set.actions)
    }
  } else {
    actions.push(...withRevision(deployment, current, old))
    const recreating = deployment.spec.strategy?.type === 'Recreate'
    actions.push(...resizeAll(deployment, recreating ? recreateSizes(found, view) : rollingSizes(found)))
  }
  actions.push(...annotateRevision(deployment, current))

  const { status, actions: settled, again } = settle(deployment, sets, current, made, now)
  if (isComplete(deployment, status)) actions.push(...forget(deployment, old))
  return { actions: [...actions, ...settled], ...(again !== undefined && { again }) }
}

/** What every step looks at. */
export interface Found {
  readonly deployment: Deployment
  /** The set of the present template. */
  readonly current: ReplicaSet | undefined
  /** Sets of earlier templates, oldest first. */
  readonly old: readonly ReplicaSet[]
}

function settle(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  made: string | undefined,
  now: number,
): { status: NonNullable<Deployment['status']>; actions: Action[]; again?: number } {
  const { status, again } = statusOf(deployment, sets, current, made, now)
  const actions = change(deployment, { ...deployment, status }, 'status')
  return { status, actions, ...(again !== undefined && { again }) }
}

function recreateSizes({ deployment, current, old }: Found, view: View): Sizes {
  const sizes: Sizes = new Map(old.map((set) => [set, 0]))
  if (current && !anyLeft(old, view)) sizes.set(current, deployment.spec.replicas ?? 1)
  return sizes
}

function anyLeft(old: readonly ReplicaSet[], view: View): boolean {
  return old.some((set) =>
    [...view.dependents(set.metadata.uid ?? '')].some((object) => object.kind === 'Pod' && !isFinished(object)),
  )
}

function resizeAll(deployment: Deployment, sizes: Sizes): Action[] {
  return [...sizes].flatMap(([set, size]) => resize(deployment, set, size))
}

/** `kubectl rollout history` reads the deployment's revision from its own annotation. */
function annotateRevision(deployment: Deployment, current: ReplicaSet | undefined): Action[] {
  const revision = current && revisionOf(current)
  if (!revision) return []
  const annotations = { ...deployment.metadata.annotations, [revisionKey]: String(revision) }
  return change(deployment, { ...deployment, metadata: { ...deployment.metadata, annotations } })
}

/** Deletes the oldest of the sets that are scaled down, beyond the limit of the history. */
function forget(deployment: Deployment, old: readonly ReplicaSet[]): Action[] {
  const idle = old.filter(
    (set) =>
      (set.spec.replicas ?? 1) === 0 &&
      (set.status?.replicas ?? 0) === 0 &&
      (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0) &&
      !isTerminating(set),
  )
  const surplus = Math.max(0, idle.length - (deployment.spec.revisionHistoryLimit ?? 10))
  return [...idle]
    .sort((a, b) => revisionOf(a) - revisionOf(b))
    .slice(0, surplus)
    .map((set) => remove(set))
}

/** The sets that it controls and still selects, and those without a controller that it selects. */
function claim(deployment: Deployment, view: View): { actions: Action[]; sets: ReplicaSet[] } {
  const actions: Action[] = []
  const sets: ReplicaSet[] = []
  const dying = isTerminating(deployment)
  for (const set of view.inNamespace('ReplicaSet', deployment.metadata.namespace ?? '')) {
    const selected = selectorMatches(deployment.spec.selector, set.metadata.labels)
    const controller = controllerOf(set)
    const owners = set.metadata.ownerReferences ?? []
    if (controller && controller.uid !== deployment.metadata.uid) continue
    if (controller && selected) sets.push(set)
    else if (controller && !dying)
      actions.push(
        ...withOwners(
          set,
          owners.filter((owner) => owner !== controller),
        ),
      )
    else if (!controller && selected && !dying && !isTerminating(set)) {
      actions.push(...withOwners(set, [...owners, ownedBy(deployment)]))
      sets.push(set)
    }
  }
  return { actions, sets }
}

function withOwners(
  set: ReplicaSet,
  ownerReferences: NonNullable<ReplicaSet['metadata']['ownerReferences']>,
): Action[] {
  return change(set, { ...set, metadata: { ...set.metadata, ownerReferences } })
}

function oldestFirst(a: ReplicaSet, b: ReplicaSet): number {
  const [first, second] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
  if (first !== second) return first < second ? -1 : 1
  return revisionOf(a) - revisionOf(b) || (a.metadata.name < b.metadata.name ? -1 : 1)
}

function deploymentsFor(set: ReplicaSet, view: View): string[] {
  const controller = controllerOf(set)
  if (controller) return controller.kind === 'Deployment' ? [`${set.metadata.namespace}/${controller.name}`] : []
  return [...view.inNamespace('Deployment', set.metadata.namespace ?? '')]
    .filter((deployment) => selectorMatches(deployment.spec.selector, set.metadata.labels))
    .map(keyOf)
}

function deploymentOf(pod: Pod, view: View): string[] {
  const set = view.get('ReplicaSet', `${pod.metadata.namespace}/${controllerOf(pod)?.name}`)
  return set ? deploymentsFor(set, view) : []
}
