import type { Pod } from '../../api/objects/pod.ts'
import { isReady, readyEndpoints, serviceAt } from '../../trace/cluster.ts'
import { transportOf } from '../../trace/target.ts'
import type { Check } from '../types.ts'
import { nameOf, plural, referTo } from './finding.ts'

/** The service selects pods, and none of them is Ready. */
export const check: Check = {
  number: 4,
  title: 'refused: the pods of the service are not Ready',
  codes: ['NoReadyPod'],
  needs: 'objects',
  find: ({ cluster, request }) => {
    if (!request?.to || request.verdict === 'delivered') return []
    const { to, target } = request
    const at = serviceAt(cluster, to.address, to.port, transportOf(target.protocol))
    if (!at || readyEndpoints(cluster, at.service, at.port.name).length > 0) return []
    const { service } = at
    const selector = Object.entries(service.spec.selector ?? {})
    const matching = cluster.pods.filter(
      (pod) =>
        pod.metadata.namespace === service.metadata.namespace &&
        selector.every(([key, value]) => pod.metadata.labels?.[key] === value),
    )
    if (selector.length === 0 || matching.length === 0 || matching.some(isReady)) return []
    const states = matching.slice(0, 3).map((pod) => `${pod.metadata.name} ${stateOf(pod)}`)
    return [
      {
        number: 4,
        code: 'NoReadyPod',
        level: 'error',
        object: referTo(service),
        sure: 'certain',
        evidence: [{ kind: 'object', text: states.join('; ') }],
        say: `${nameOf(service)} selects ${plural(matching.length, 'pod')}, and none is ready: ${states.join('; ')}`,
        fix: `kubectl -n ${service.metadata.namespace} describe pod ${matching[0]?.metadata.name}`,
      },
    ]
  },
}

function stateOf(pod: Pod): string {
  const waiting = pod.status?.containerStatuses?.find(({ ready }) => !ready)
  const reason = waiting?.state?.waiting?.reason ?? waiting?.state?.terminated?.reason
  const condition = pod.status?.conditions?.find(({ type, status }) => type === 'Ready' && status !== 'True')
  return reason ?? condition?.message ?? condition?.reason ?? pod.status?.phase ?? 'Pending'
}
