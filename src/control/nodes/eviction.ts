import { keyOf } from '../../api/client/client.ts'
import type { Node } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'
import { nothing, type Plan, remove, tell } from '../action.ts'
import { timeOf } from '../clock.ts'
import { isFinished, isTerminating } from '../conditions.ts'
import type { Loop } from '../loop.ts'
import { bearsFor, type Taint } from './taints.ts'

/**
 * Deletes pods that do not bear a NoExecute taint of their node, or no longer: so the pods of an unreachable node are made anew
 * elsewhere after the 300 s that the API gives each pod as a toleration.
 */
export function evictions(): Loop {
  const taintedSince = new Map<string, number>()
  return {
    name: 'evictions',
    wakes: {
      Pod: ({ object }) => [keyOf(object)],
      Node: (change, view) => {
        const before = change.type === 'modified' ? hard(change.old) : []
        if (hard(change.object).length === 0 && before.length === 0) return []
        const here = [...view.all('Pod')].filter((pod) => pod.spec.nodeName === change.object.metadata.name)
        return here.map(keyOf)
      },
    },
    desired(key, view, now) {
      const pod = view.get('Pod', key)
      const node = pod && view.get('Node', pod.spec.nodeName ?? '')
      const taints = node ? hard(node) : []
      if (!pod || taints.length === 0 || isTerminating(pod) || isFinished(pod)) {
        taintedSince.delete(key)
        return nothing
      }
      const since = Math.min(taintedSince.get(key) ?? now, ...taints.map((taint) => timeOf(taint.timeAdded) || now))
      taintedSince.set(key, since)
      return evict(pod, bearsFor(pod, taints), now - since)
    },
  }
}

function evict(pod: Pod, bearsMs: number | undefined, taintedMs: number): Plan {
  if (bearsMs === undefined) return nothing
  if (taintedMs < bearsMs) return { actions: [], again: bearsMs - taintedMs }
  return {
    actions: [tell(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${keyOf(pod)}`), remove(pod)],
  }
}

function hard(node: Node): Taint[] {
  return (node.spec?.taints ?? []).filter((taint) => taint.effect === 'NoExecute')
}
