import { keyOf } from '../../api/client/client.ts'
import type { Node } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'
import { type Action, change, controllerOf, type Plan, tell } from '../action.ts'
import { timeOf, timestamp } from '../clock.ts'
import { conditionOf, isFinished, isTerminating, withCondition } from '../conditions.ts'
import { bothOf, type Loop } from '../loop.ts'
import { refusal, unfit } from './fit.ts'
import { type Amounts, requestsOf, roomOf } from './requests.ts'

/** Gives each pending pod to a node that fits, where the fewest of its siblings are. */
export const scheduler: Loop = {
  name: 'scheduler',
  wakes: {
    // One key: each pod that is placed counts for the next one.
    Node: (change) => (mattersToFit(change.type === 'modified' ? [change.object, change.old] : []) ? ['pods'] : []),
    Pod: (change) => (bothOf(change).some(isPending) || frees(change.type, change.object) ? ['pods'] : []),
  },
  desired: (_, view, now) => place([...view.all('Pod')], [...view.all('Node')], now),
}

/** What a node holds, with the pods that this very step gives it. */
export interface Place {
  readonly node: Node
  readonly pods: Pod[]
  /** For all pods together. */
  readonly room: Readonly<Amounts>
  /** What its pods ask for. */
  readonly taken: Amounts
}

/** Pods in the order of their creation; a pod that fits nowhere waits, and says why, until nodes or pods change. */
export function place(pods: readonly Pod[], nodes: readonly Node[], now: number): Plan {
  const places = new Map(nodes.map((node) => [node.metadata.name, emptyPlace(node)]))
  for (const pod of pods) if (!isFinished(pod)) give(pod, places.get(pod.spec.nodeName ?? ''))
  const byName = [...places.values()].sort((a, b) => byNumber(a.node.metadata.name, b.node.metadata.name))
  const actions: Action[] = []
  for (const pod of pods.filter(isPending).sort(byAge)) {
    const found = best(pod, byName)
    if ('reasons' in found) actions.push(...refuse(pod, refusal(found.reasons), now))
    else {
      give({ ...pod, spec: { ...pod.spec, nodeName: found.node.metadata.name } }, found)
      actions.push(...bind(pod, found.node.metadata.name))
    }
  }
  return { actions }
}

function emptyPlace(node: Node): Place {
  return { node, pods: [], room: roomOf(node.status?.allocatable), taken: { cpu: 0, memory: 0 } }
}

function give(pod: Pod, place: Place | undefined): void {
  if (!place) return
  place.pods.push(pod)
  const { cpu, memory } = requestsOf(pod)
  place.taken.cpu += cpu
  place.taken.memory += memory
}

function best(pod: Pod, places: readonly Place[]): Place | { reasons: string[][] } {
  const reasons: string[][] = []
  let chosen: Place | undefined
  for (const place of places) {
    const why = unfit(pod, place)
    if (why.length > 0) reasons.push(why)
    else if (!chosen || lessCrowded(pod, place, chosen)) chosen = place
  }
  return chosen ?? { reasons }
}

/** Fewest siblings first, so that a deployment spreads; then fewest pods. */
function lessCrowded(pod: Pod, a: Place, b: Place): boolean {
  const owner = controllerOf(pod)?.uid
  const siblings = (place: Place): number =>
    owner === undefined
      ? 0
      : place.pods.filter((other) => controllerOf(other)?.uid === owner && !isTerminating(other)).length
  const [first, second] = [siblings(a), siblings(b)]
  return first === second ? a.pods.length < b.pods.length : first < second
}

function bind(pod: Pod, node: string): Action[] {
  const { name, namespace = '' } = pod.metadata
  return [
    { do: 'bind', name, namespace, node },
    tell(pod, 'Normal', 'Scheduled', `Successfully assigned ${keyOf(pod)} to ${node}`),
  ]
}

function refuse(pod: Pod, message: string, now: number): Action[] {
  const old = conditionOf(pod.status, 'PodScheduled')
  if (old?.status === 'False' && old.message === message) return []
  const conditions = withCondition(pod.status?.conditions, {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime: timestamp(now),
  })
  return [
    ...change(pod, { ...pod, status: { ...pod.status, conditions } }, 'status'),
    tell(pod, 'Warning', 'FailedScheduling', message),
  ]
}

/** Without a node and gates (KEP-3521), and ours to place: another scheduler's name means another scheduler. */
function isPending(pod: Pod): boolean {
  const { nodeName, schedulingGates = [], schedulerName = 'default-scheduler' } = pod.spec
  return (
    !nodeName &&
    schedulingGates.length === 0 &&
    !isTerminating(pod) &&
    !isFinished(pod) &&
    schedulerName === 'default-scheduler'
  )
}

/** A pod that leaves may make room. */
function frees(type: string, pod: Pod): boolean {
  return type === 'deleted' || isFinished(pod)
}

/** Heartbeats change nodes all the time; only what the fit looks at is worth another try. */
function mattersToFit(nodes: readonly Node[]): boolean {
  const [now, before] = nodes.map((node) =>
    JSON.stringify([
      node.spec?.unschedulable,
      node.spec?.taints,
      node.metadata.labels,
      node.status?.allocatable,
      conditionOf(node.status, 'Ready')?.status,
    ]),
  )
  return now === undefined || now !== before
}

function byAge(a: Pod, b: Pod): number {
  const age = timeOf(a.metadata.creationTimestamp) - timeOf(b.metadata.creationTimestamp)
  return age || byNumber(keyOf(a), keyOf(b))
}

/** node2 before node10. Made once: a collator costs more than what it compares. */
const { compare: byNumber } = new Intl.Collator('en', { numeric: true })
