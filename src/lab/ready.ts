import type { Client, Follower } from '../api/client/client.ts'
import { keyOf } from '../api/client/client.ts'
import type { KubeObject } from '../api/objects/meta.ts'
import type { Node } from '../api/objects/node.ts'
import type { ContainerState, Pod } from '../api/objects/pod.ts'
import type { Deployment } from '../api/objects/workload.ts'
import { selectorMatches } from '../api/select/labels.ts'
import { longestTimerMs } from '../base/timer.ts'

/** What is being waited for, and what the cluster says about it. */
export interface Situation {
  nodes: readonly Node[]
  expectedNodes: number
  pods: readonly Pod[]
  deployments: readonly Deployment[]
  /** Objects of the manifests (and of the cluster itself) whose pods must become Ready. */
  wanted: readonly Pick<KubeObject, 'kind' | 'metadata'>[]
}

export interface Readiness {
  readyNodes: number
  readyPods: number
  expectedPods: number
  /** What is not there yet, a line each. */
  waiting: string[]
  /** What will not come by waiting: `shop/web-1: web: CrashLoopBackOff: ...`. */
  stuck: string[]
}

/** Pure: how far the cluster is. Done when `waiting` is empty. */
export function readinessOf({ nodes, expectedNodes, pods, deployments, wanted }: Situation): Readiness {
  const readyNodes = nodes.filter((node) => isTrue(node.status?.conditions, 'Ready')).length
  const result: Readiness = { readyNodes, readyPods: 0, expectedPods: 0, waiting: [], stuck: [] }
  if (readyNodes < expectedNodes) result.waiting.push(`${expectedNodes - readyNodes} of ${expectedNodes} nodes`)
  for (const object of wanted) {
    if (object.kind === 'Pod') {
      const pod = pods.find((each) => keyOf(each) === keyOf(object))
      count(result, 1, isReady(pod) ? 1 : 0, `pod ${keyOf(object)}`, pod ? [pod] : [])
    } else if (object.kind === 'Deployment') {
      const deployment = deployments.find((each) => keyOf(each) === keyOf(object))
      const replicas = deployment?.spec.replicas ?? 1
      const seen = deployment?.status?.observedGeneration === deployment?.metadata.generation
      const ready =
        deployment && seen
          ? Math.min(deployment.status?.readyReplicas ?? 0, deployment.status?.updatedReplicas ?? 0, replicas)
          : 0
      count(result, replicas, ready, `deployment ${keyOf(object)}`, deployment ? podsOf(deployment, pods) : [])
    }
  }
  return result
}

/**
 * Resolves when all is ready, when something is stuck, or with what was still missing when the time is over. Rejects with the reason of `end`: there is
 * nobody to wait for any more.
 */
export async function waitReady(
  client: Client,
  wanted: Situation['wanted'],
  expectedNodes: number,
  timeoutMs: number,
  onProgress: (readiness: Readiness) => void,
  end?: AbortSignal,
): Promise<Readiness & { timedOut: boolean }> {
  const followers: { close(): void }[] = []
  const ended = Promise.withResolvers<never>()
  const stop = (): void => ended.reject(end?.reason)
  end?.addEventListener('abort', stop, { once: true })
  let timer: NodeJS.Timeout | undefined
  try {
    end?.throwIfAborted()
    const result = new Promise<Readiness & { timedOut: boolean }>((resolve) => {
      let nodes: Follower<Node> | undefined
      let pods: Follower<Pod> | undefined
      let deployments: Follower<Deployment> | undefined
      let last: Readiness = { readyNodes: 0, readyPods: 0, expectedPods: 0, waiting: ['the API'], stuck: [] }
      timer = setTimeout(() => resolve({ ...last, timedOut: true }), Math.min(timeoutMs, longestTimerMs))
      const look = (): void => {
        if (!nodes || !pods || !deployments) return
        last = readinessOf({
          nodes: nodes.list(),
          pods: pods.list(),
          deployments: deployments.list(),
          expectedNodes,
          wanted,
        })
        onProgress(last)
        if (last.waiting.length > 0 && last.stuck.length === 0) return
        resolve({ ...last, timedOut: false })
      }
      nodes = client.follow('Node', { onBatch: look })
      pods = client.follow('Pod', { onBatch: look })
      deployments = client.follow('Deployment', { onBatch: look })
      followers.push(nodes, pods, deployments)
      void Promise.all([nodes.synced, pods.synced, deployments.synced]).then(look)
    })
    return await Promise.race([result, ended.promise])
  } finally {
    clearTimeout(timer)
    end?.removeEventListener('abort', stop)
    for (const follower of followers) follower.close()
  }
}

function count(result: Readiness, expected: number, ready: number, what: string, pods: readonly Pod[]): void {
  result.expectedPods += expected
  result.readyPods += ready
  if (ready >= expected) return
  result.waiting.push(expected === 1 ? what : `${what} (${ready} of ${expected} pods)`, ...pods.flatMap(homeless))
  result.stuck.push(...pods.flatMap(stuckBecause))
}

/** Reasons after which nothing changes unless somebody changes the manifest or the machine. */
const hopeless = new Set([
  'CrashLoopBackOff',
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
])

function stuckBecause(pod: Pod): string[] {
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  return containers.flatMap(({ name, state, lastState }) => {
    const { reason, message } = state?.waiting ?? {}
    if (reason === undefined || !hopeless.has(reason)) return []
    const last = reason === 'CrashLoopBackOff' ? lastState?.terminated : undefined
    const parts = [`${keyOf(pod)}: container ${name}: ${reason}`, message, last && endedSo(pod, name, last)]
    return [parts.filter(Boolean).join(': ')]
  })
}

/** How it ended last, and where its own words are. A start that failed has printed nothing: its message says all. */
function endedSo({ metadata }: Pod, container: string, { exitCode, reason, message }: Terminated): string {
  if (reason === 'StartError') return message ?? reason
  const why = reason === undefined || reason === 'Error' ? '' : ` (${reason})`
  const { name, namespace } = metadata
  return `it ended with exit code ${exitCode}${why}; see kubectl -n ${namespace} logs ${name} -c ${container} --previous`
}

type Terminated = NonNullable<ContainerState['terminated']>

/** A pod without a node may get one when nodes become ready: worth saying, no reason to give up. */
function homeless(pod: Pod): string[] {
  const scheduled = pod.status?.conditions?.find((each) => each.type === 'PodScheduled')
  return scheduled?.status === 'False' ? [`pod ${keyOf(pod)}: no node takes it: ${scheduled.message ?? ''}`] : []
}

function isReady(pod: Pod | undefined): boolean {
  return pod?.status?.phase === 'Succeeded' || isTrue(pod?.status?.conditions, 'Ready')
}

function isTrue(conditions: { type: string; status: string }[] | undefined, type: string): boolean {
  return conditions?.some((each) => each.type === type && each.status === 'True') ?? false
}

function podsOf({ metadata, spec }: Deployment, pods: readonly Pod[]): Pod[] {
  return pods.filter(
    (pod) => pod.metadata.namespace === metadata.namespace && selectorMatches(spec.selector, pod.metadata.labels),
  )
}
