import { contains } from '../../base/address.ts'
import { nodeOfRange, ownerOf } from '../../trace/cluster.ts'
import type { Check } from '../types.ts'

/** An address for pods that no pod has: somebody kept it. */
export const check: Check = {
  number: 15,
  title: 'no answer: an address that a pod had is still used',
  codes: ['NoSuchPod'],
  needs: 'request',
  find: ({ cluster, ranges, request }) => {
    if (!request?.to || request.verdict === 'delivered') return []
    const { address } = request.to
    if (ownerOf(cluster, address).kind !== 'unknown' || (ranges && contains(ranges.services, address))) return []
    if (!nodeOfRange(cluster, address) && !(ranges && contains(ranges.pods, address))) return []
    const [namespace = '', name = ''] = request.source.key.split('/')
    return [
      {
        number: 15,
        code: 'NoSuchPod',
        level: 'error',
        object: { kind: 'Pod', namespace, name },
        sure: 'certain',
        evidence: [{ kind: 'object', text: `no pod has ${address}` }],
        say: `${address} is an address for pods, and no pod has it (any more)`,
        fix: 'pods come and go: ask a service. kubectl get pods -A -o wide has the addresses of now',
      },
    ]
  },
}
