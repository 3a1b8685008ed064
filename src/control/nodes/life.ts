import { type Change, keyOf } from '../../api/client/client.ts'
import type { Condition } from '../../api/objects/meta.ts'
import type { Node } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { Lease } from '../../api/objects/simple.ts'
import { type Action, change, tell } from '../action.ts'
import { type Clock, systemClock, timestamp } from '../clock.ts'
import { conditionOf } from '../conditions.ts'
import type { Loop } from '../loop.ts'
import type { View } from '../view.ts'
import { type Taint, unreachable } from './taints.ts'

const leaseNamespace = 'kube-node-lease'

export interface NodeLifeOptions {
  nodeGraceMs?: number
  clock?: Clock
}

/**
 * Notices nodes that have gone quiet: their conditions become Unknown and their pods not ready, so that services stop sending to them.
 * A taint keeps new pods away, and moves the old ones in time. The way back is the agent's: when it lives again it writes its own status
 * and its pods'.
 */
export function nodeLife({ nodeGraceMs = 40_000, clock = systemClock }: NodeLifeOptions): Loop {
  const heard = new Map<string, Heard>()
  return {
    name: 'node-life',
    wakes: {
      Node: (change) => [change.object.metadata.name],
      Lease: ({ object }) => (object.metadata.namespace === leaseNamespace ? [object.metadata.name] : []),
      // A pod's last words can arrive after its node was given up.
      Pod: (change) => nodesOf(change),
    },
    desired(name, view, now) {
      const node = view.get('Node', name)
      if (!node) {
        heard.delete(name)
        return { actions: [] }
      }
      const last = hear(heard.get(name), node, view.get('Lease', `${leaseNamespace}/${name}`), clock.steady())
      heard.set(name, last)
      const left = last.at + nodeGraceMs - clock.steady()
      return left > 0 ? { actions: welcomeBack(node), again: left } : { actions: giveUp(node, podsOn(view, name), now) }
    },
  }
}

/** The last sign of life, by this process' own steady clock: nodes' clocks may be wrong. */
export interface Heard {
  readonly at: number
  readonly sign: string
}

/** A renewed lease is a sign of life, and so is a status that the agent wrote. */
export function hear(before: Heard | undefined, node: Node, lease: Lease | undefined, now: number): Heard {
  const sign = `${lease?.spec?.renewTime} ${conditionOf(node.status, 'Ready')?.lastHeartbeatTime}`
  return before?.sign === sign ? before : { at: now, sign }
}

/** What follows from a node's silence. Nothing, when it was drawn already. */
export function giveUp(node: Node, pods: Pod[], now: number): Action[] {
  const actions: Action[] = []
  const ready = conditionOf(node.status, 'Ready')
  if (ready?.status !== 'Unknown') {
    const conditions = quiet(node.status?.conditions ?? [], timestamp(now))
    actions.push(...change(node, { ...node, status: { ...node.status, conditions } }, 'status'))
    if (ready?.status === 'True')
      actions.push(tell(node, 'Normal', 'NodeNotReady', `Node ${node.metadata.name} status is now: NodeNotReady`))
  }
  if (!isTainted(node)) {
    const timeAdded = timestamp(now)
    const added = ['NoSchedule', 'NoExecute'].map((effect) => ({ key: unreachable, effect, timeAdded }))
    actions.push(...withTaints(node, [...(node.spec?.taints ?? []), ...added]))
  }
  for (const pod of pods) {
    if (conditionOf(pod.status, 'Ready')?.status !== 'True') continue
    const conditions = (pod.status?.conditions ?? []).map((condition): Condition => {
      if (condition.type !== 'Ready') return condition
      return { ...condition, status: 'False', lastTransitionTime: timestamp(now) }
    })
    actions.push(...change(pod, { ...pod, status: { ...pod.status, conditions } }, 'status'))
    actions.push(tell(pod, 'Warning', 'NodeNotReady', 'Node is not ready'))
  }
  return actions
}

/** Once the agent says how its node is, the taint of silence goes. */
function welcomeBack(node: Node): Action[] {
  if (!isTainted(node) || conditionOf(node.status, 'Ready')?.status === 'Unknown') return []
  return withTaints(
    node,
    (node.spec?.taints ?? []).filter(({ key }) => key !== unreachable),
  )
}

function isTainted(node: Node): boolean {
  return node.spec?.taints?.some(({ key }) => key === unreachable) ?? false
}

function withTaints(node: Node, taints: Taint[]): Action[] {
  const { taints: _, ...spec } = node.spec ?? {}
  return change(node, { ...node, spec: taints.length > 0 ? { ...spec, taints } : spec })
}

const watched = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/** Upstream's words (pkg/controller/nodelifecycle): told apart is a node that fell silent from one that never spoke. */
function quiet(conditions: Condition[], now: string): Condition[] {
  const unknown = { status: 'Unknown', lastTransitionTime: now } as const
  const spoken = conditions.map((condition): Condition => {
    if (!watched.includes(condition.type) || condition.status === 'Unknown') return condition
    return { ...condition, ...unknown, reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' }
  })
  if (conditions.some(({ type }) => type === 'Ready')) return spoken
  const message = 'Kubelet never posted node status.'
  return [...spoken, { type: 'Ready', ...unknown, reason: 'NodeStatusNeverUpdated', message }]
}

function nodesOf(change: Change<Pod>): string[] {
  const { nodeName } = change.object.spec
  return change.type !== 'deleted' && nodeName !== undefined ? [nodeName] : []
}

function podsOn(view: View, node: string): Pod[] {
  return [...view.all('Pod')].filter((pod) => pod.spec.nodeName === node).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}
