import { keyOf } from '../../api/client/client.ts'
import type { Pod } from '../../api/objects/pod.ts'
import { nothing, type Plan, remove, type Tell, tell } from '../action.ts'
import type { Loop } from '../loop.ts'

/** Removes pods whose node does not exist: nobody is left to end them. */
export function lostPods({ lostPodGraceMs = 40_000 }: { lostPodGraceMs?: number }): Loop {
  const lostSince = new Map<string, number>()
  return {
    name: 'lost-pods',
    wakes: {
      Pod: ({ object }) => (object.spec.nodeName ? [keyOf(object)] : []),
      Node: ({ type, object }, view) =>
        type === 'modified'
          ? []
          : [...view.all('Pod')].filter((pod) => pod.spec.nodeName === object.metadata.name).map(keyOf),
    },
    desired(key, view, now) {
      const pod = view.get('Pod', key)
      const node = pod?.spec.nodeName
      if (!pod || !node || view.get('Node', node)) {
        lostSince.delete(key)
        return nothing
      }
      const since = lostSince.get(key)
      if (since === undefined) {
        lostSince.set(key, now)
        const nodes = [...view.all('Node')].map(({ metadata }) => metadata.name)
        return { actions: [missed(pod, node, nodes, lostPodGraceMs)], again: lostPodGraceMs }
      }
      return giveUp(pod, node, since + lostPodGraceMs - now)
    },
  }
}

/** Nobody else says it: without a node there is no agent, and a pod that names its node is not the scheduler's. */
function missed(pod: Pod, node: string, nodes: readonly string[], graceMs: number): Tell {
  const there = nodes.length > 0 ? `there is ${nodes.join(', ')}` : 'there is none yet'
  const say = `spec.nodeName is ${node}, and there is no such node (${there}): unless it comes, the pod is removed in ${graceMs / 1000} s`
  return tell(pod, 'Warning', 'NodeNotFound', say)
}

/** A node that was deleted by mistake registers again, and finds its pods as they were. */
function giveUp(pod: Pod, node: string, left: number): Plan {
  if (left > 0) return { actions: [], again: left }
  const told = tell(pod, 'Warning', 'NodeGone', `Removed, because its node ${node} does not exist`)
  return { actions: [told, remove(pod, { now: true })] }
}
