import { contains } from '../../base/address.ts'
import { nodeOfRange, ownerOf } from '../cluster.ts'
import type { Why } from '../types.ts'
import type { Case } from './why.ts'

/** An address that nobody in the cluster has: what kind of address it would be says what to look at. */
export function nobodyHas({ cluster, ranges, to, verdict }: Case): Why[] {
  if (!to || verdict === 'delivered' || to.address.startsWith('127.')) return []
  if (ownerOf(cluster, to.address).kind !== 'unknown') return []
  if (contains(ranges.services, to.address))
    return [
      {
        code: 'NoSuchService',
        level: 'error',
        say: `${to.address} is an address for services, and no service has it`,
        fix: 'ask by name: it stays when the address changes. kubectl get services -A has both',
      },
    ]
  if (nodeOfRange(cluster, to.address) || contains(ranges.pods, to.address))
    return [
      {
        code: 'NoSuchPod',
        level: 'error',
        say: `${to.address} is an address for pods, and no pod has it (any more)`,
        fix: 'pods come and go: ask a service. kubectl get pods -A -o wide has the addresses of now',
      },
    ]
  if (ranges.nodes && contains(ranges.nodes, to.address)) return []
  return [
    {
      code: 'OutsideCluster',
      level: 'error',
      say: `${to.address} is outside the cluster, and in this version pods have no way out`,
      fix: 'run what it stands for in a pod: image: host runs programs of this machine',
    },
  ]
}

/** A node answers for itself, and no program of its own waits there. */
export function nodeRefuses({ cluster, to, verdict }: Case): Why[] {
  if (!to || verdict !== 'refused') return []
  const owner = ownerOf(cluster, to.address)
  if (owner.kind !== 'node') return []
  if (to.address === cluster.nodeDns?.address && to.port === 53)
    return [
      {
        code: 'NodeDnsAway',
        level: 'error',
        say: `the name server of ${cluster.nodeDns.node} itself does not run: pods there ask the next one in their resolv.conf`,
        fix: 'it is started again by itself; where it ends each time, the log says why',
      },
    ]
  return [
    {
      code: 'NobodyListens',
      level: 'error',
      say: `nobody listens on port ${to.port} of ${owner.node.metadata.name} itself`,
      fix: 'programs run in pods, which have addresses of their own: kubectl get pods -A -o wide',
    },
  ]
}
