import type { Node } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'
import { isReady } from '../conditions.ts'
import { tolerates } from '../nodes/taints.ts'
import { requestsOf } from './requests.ts'
import type { Place } from './scheduler.ts'

/** Why the pod cannot go there, in kube-scheduler's words; empty when it can. */
export function unfit(pod: Pod, place: Place): string[] {
  for (const test of tests) {
    const reason = test(pod, place.node, place.pods)
    if (reason !== undefined) return [reason]
  }
  return lacking(pod, place)
}

/** From the reasons of each node: `0/3 nodes are available: 2 node(s) were unschedulable, 1 node(s) had untolerated taint {a: b}.` */
export function refusal(reasons: readonly (readonly string[])[]): string {
  if (reasons.length === 0) return 'no nodes available to schedule pods'
  const counts = new Map<string, number>()
  for (const reason of reasons.flat()) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const said = [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
  return `0/${reasons.length} nodes are available: ${said.join(', ')}.`
}

type Test = (pod: Pod, node: Node, pods: readonly Pod[]) => string | undefined

/** In upstream's order: the first that fails gives the reason. */
const tests: Test[] = [unschedulable, notReady, untoleratedTaint, otherSelector, takenHostPort]

function unschedulable(pod: Pod, { spec }: Node): string | undefined {
  const tolerated = tolerates(pod, { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' })
  return spec?.unschedulable && !tolerated ? 'node(s) were unschedulable' : undefined
}

/** Upstream taints such nodes and looks at the taint; here the condition itself counts, so that no moment lies between. */
function notReady(pod: Pod, node: Node): string | undefined {
  const key = 'node.kubernetes.io/not-ready'
  return isReady(node) || tolerates(pod, { key, effect: 'NoSchedule' })
    ? undefined
    : `node(s) had untolerated taint {${key}: }`
}

function untoleratedTaint(pod: Pod, { spec }: Node): string | undefined {
  const hard = (spec?.taints ?? []).filter((taint) => taint.effect === 'NoSchedule' || taint.effect === 'NoExecute')
  const taint = hard.find((one) => !tolerates(pod, one))
  return taint && `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`
}

function otherSelector(pod: Pod, { metadata }: Node): string | undefined {
  const fits = Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => metadata.labels?.[key] === value)
  return fits ? undefined : "node(s) didn't match Pod's node affinity/selector"
}

function takenHostPort(pod: Pod, _: Node, pods: readonly Pod[]): string | undefined {
  const wanted = hostPortsOf(pod)
  const clash =
    wanted.length > 0 &&
    pods.some((other) => hostPortsOf(other).some((taken) => wanted.some((one) => clashes(one, taken))))
  return clash ? "node(s) didn't have free ports for the requested pod ports" : undefined
}

/** All that there is too little of (upstream's NodeResourcesFit); who asks for nothing of a kind needs no room of it. */
function lacking(pod: Pod, { node, pods, room, taken }: Place): string[] {
  const limit = Number(node.status?.allocatable?.['pods'] ?? 110)
  const wanted = requestsOf(pod)
  return [
    ...(pods.length >= limit ? ['Too many pods'] : []),
    ...(['cpu', 'memory'] as const).flatMap((name) =>
      wanted[name] > 0 && wanted[name] > room[name] - taken[name] ? [`Insufficient ${name}`] : [],
    ),
  ]
}

interface HostPort {
  readonly port: number
  readonly protocol: string
  readonly address: string
}

function hostPortsOf({ spec }: Pod): HostPort[] {
  return spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP }) => {
      const port = hostPort ?? (spec.hostNetwork ? containerPort : undefined)
      return port === undefined ? [] : [{ port, protocol, address: hostIP || '0.0.0.0' }]
    }),
  )
}

function clashes(a: HostPort, b: HostPort): boolean {
  const everywhere = '0.0.0.0'
  const meet = a.address === b.address || a.address === everywhere || b.address === everywhere
  return a.port === b.port && a.protocol === b.protocol && meet
}
