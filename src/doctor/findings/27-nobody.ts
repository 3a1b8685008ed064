import { contains } from '../../base/address.ts'
import { nodeOfRange, ownerOf } from '../../trace/cluster/cluster.ts'
import type { Check } from '../types.ts'
import { senderOf } from './finding.ts'

/** An address that nobody in the cluster has, and that is none for pods. */
export const check: Check = {
  number: 27,
  title: 'no answer: an address that no service has, or outside the cluster',
  codes: ['NoSuchService', 'OutsideCluster'],
  needs: 'request',
  find: ({ cluster, ranges, request }) => {
    if (!request?.to || !ranges || request.verdict === 'delivered') return []
    const { address } = request.to
    if (address.startsWith('127.') || ownerOf(cluster, address).kind !== 'unknown') return []
    const common = {
      number: 27,
      level: 'error',
      object: senderOf(request),
      sure: 'certain',
      evidence: [{ kind: 'object', text: `nobody in the cluster has ${address}` }],
    } as const
    if (contains(ranges.services, address))
      return [
        {
          ...common,
          code: 'NoSuchService',
          say: `${address} is an address for services, and no service has it`,
          fix: 'ask by name: it stays when the address changes. kubectl get services -A has both',
        },
      ]
    const ofPods = nodeOfRange(cluster, address) !== undefined || contains(ranges.pods, address)
    if (ofPods || (ranges.nodes && contains(ranges.nodes, address))) return []
    return [
      {
        ...common,
        code: 'OutsideCluster',
        say: `${address} is outside the cluster, and in this version pods have no way out`,
        fix: 'run what it stands for in a pod: image: host runs programs of this machine',
      },
    ]
  },
}
