import { keyOf } from '../../api/client/client.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { ReplicaSet } from '../../api/objects/workload.ts'
import { selectorMatches } from '../../api/select/labels.ts'
import { type Action, change, controllerOf, nothing, ownedBy, type Plan, referenceTo, remove } from '../action.ts'
import { isFinished, isTerminating } from '../conditions.ts'
import { bothOf, type Loop } from '../loop.ts'
import type { View } from '../view.ts'
import { leastMissed } from './ranking.ts'
import { availableIn, statusOf } from './status.ts'

/** Keeps as many pods as a replica set asks for: makes, adopts, lets go and deletes them, and counts them in its status. */
export const replicaSets: Loop = {
  name: 'replica-sets',
  wakes: {
    ReplicaSet: ({ object }) => [keyOf(object)],
    Pod: (change, view) => bothOf(change).flatMap((pod) => setsFor(pod, view)),
  },
  desired(key, view, now) {
    const set = view.get('ReplicaSet', key)
    return set ? reconcile(set, view, now) : nothing
  },
}

/** Upstream's burst: no more pods than this are made or deleted in one go. */
const burst = 500

function reconcile(set: ReplicaSet, view: View, now: number): Plan {
  const { actions: claims, pods } = claim(set, view)
  const active = pods.filter((pod) => !isFinished(pod) && !isTerminating(pod))
  const scaling = isTerminating(set) ? [] : scale(set, active, view)
  const status = statusOf(set, active, now)
  return {
    actions: [...claims, ...change(set, { ...set, status }, 'status'), ...scaling],
    ...again(active.map((pod) => availableIn(pod, set.spec.minReadySeconds ?? 0, now))),
  }
}

/** When the next pod that is ready becomes available. */
function again(waits: (number | undefined)[]): { again?: number } {
  const next = Math.min(...waits.filter((wait) => wait !== undefined && wait > 0).map(Number))
  return next === Number.POSITIVE_INFINITY ? {} : { again: next }
}

function scale(set: ReplicaSet, active: Pod[], view: View): Action[] {
  const surplus = active.length - (set.spec.replicas ?? 1)
  if (surplus < 0) return Array.from({ length: Math.min(-surplus, burst) }, () => make(set))
  if (surplus === 0) return []
  return leastMissed(active, relatives(set, view))
    .slice(0, Math.min(surplus, burst))
    .map((pod) =>
      remove(pod, {
        tell: { about: referenceTo(set), type: 'Normal', reason: 'SuccessfulDelete', message: 'Deleted pod: {name}' },
      }),
    )
}

function make(set: ReplicaSet): Action {
  const { metadata = {}, spec } = set.spec.template
  const about = referenceTo(set)
  return {
    do: 'create',
    kind: 'Pod',
    object: {
      metadata: {
        generateName: `${set.metadata.name}-`,
        ...(set.metadata.namespace !== undefined && { namespace: set.metadata.namespace }),
        ...(metadata.labels && { labels: metadata.labels }),
        ...(metadata.annotations && { annotations: metadata.annotations }),
        ...(metadata.finalizers && { finalizers: metadata.finalizers }),
        ownerReferences: [ownedBy(set)],
      },
      spec,
    },
    tell: { about, type: 'Normal', reason: 'SuccessfulCreate', message: 'Created pod: {name}' },
    tellRefusal: { about, type: 'Warning', reason: 'FailedCreate', message: 'Error creating: {error}' },
  }
}

/** The set's pods: those it controls and that it still selects, and those without a controller that it selects. */
function claim(set: ReplicaSet, view: View): { actions: Action[]; pods: Pod[] } {
  const actions: Action[] = []
  const pods: Pod[] = []
  for (const pod of view.inNamespace('Pod', set.metadata.namespace ?? '')) {
    const selected = selectorMatches(set.spec.selector, pod.metadata.labels)
    const controller = controllerOf(pod)
    if (controller && controller.uid !== set.metadata.uid) continue
    if (controller && selected) pods.push(pod)
    else if (controller && !isTerminating(set)) actions.push(...withOwners(pod, others(pod, set)))
    else if (selected && !isTerminating(set) && !isTerminating(pod) && !isFinished(pod)) {
      actions.push(...withOwners(pod, [...(pod.metadata.ownerReferences ?? []), ownedBy(set)]))
      pods.push(pod)
    }
  }
  return { actions, pods }
}

function others(pod: Pod, set: ReplicaSet): NonNullable<Pod['metadata']['ownerReferences']> {
  return (pod.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== set.metadata.uid)
}

function withOwners(pod: Pod, ownerReferences: NonNullable<Pod['metadata']['ownerReferences']>): Action[] {
  return change(pod, { ...pod, metadata: { ...pod.metadata, ownerReferences } })
}

/** All pods of the same deployment: among them a node may already have many. */
function relatives(set: ReplicaSet, view: View): Pod[] {
  const owner = controllerOf(set)?.uid
  const sets = [...view.inNamespace('ReplicaSet', set.metadata.namespace ?? '')].filter(
    (other) => other === set || (owner !== undefined && controllerOf(other)?.uid === owner),
  )
  const uids = new Set(sets.map((one) => one.metadata.uid))
  return [...view.inNamespace('Pod', set.metadata.namespace ?? '')].filter(
    (pod) => uids.has(controllerOf(pod)?.uid) && !isFinished(pod) && !isTerminating(pod),
  )
}

/** A pod's controller; for one without, whoever selects it and may adopt it. */
function setsFor(pod: Pod, view: View): string[] {
  const controller = controllerOf(pod)
  if (controller) return controller.kind === 'ReplicaSet' ? [`${pod.metadata.namespace}/${controller.name}`] : []
  return [...view.inNamespace('ReplicaSet', pod.metadata.namespace ?? '')]
    .filter((set) => selectorMatches(set.spec.selector, pod.metadata.labels))
    .map(keyOf)
}
