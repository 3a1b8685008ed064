import { ownerOf } from '../../trace/cluster/cluster.ts'
import type { Check } from '../types.ts'
import { nameOf, referTo } from './finding.ts'

/** A service's address is a rule for its ports, and no machine: nobody answers an echo request. */
export const check: Check = {
  number: 22,
  title: 'no answer: a ClusterIP is pinged',
  codes: ['ServicePinged'],
  needs: 'request',
  find: ({ cluster, request }) => {
    if (!request?.to || request.target.protocol !== 'icmp' || request.verdict === 'delivered') return []
    const { to, verdict } = request
    const owner = ownerOf(cluster, to.address)
    if (owner.kind !== 'service') return []
    const { service } = owner
    const [first] = service.spec.ports ?? []
    const scheme = first?.protocol === 'UDP' ? 'udp' : 'tcp'
    return [
      {
        number: 22,
        code: 'ServicePinged',
        level: 'error',
        object: referTo(service),
        sure: 'certain',
        evidence: [
          { kind: 'packet', text: `echo request to ${to.address}: ${verdict}` },
          { kind: 'object', text: `${nameOf(service)}: clusterIP ${to.address}` },
        ],
        say: `${to.address} is the address of ${nameOf(service)}: no machine has it, and only its ports lead anywhere; a ping says nothing about it`,
        fix: first
          ? `ask one of its ports: ${scheme}://${service.metadata.name}.${service.metadata.namespace}:${first.port}`
          : 'give the service a port, and ask that',
      },
    ]
  },
}
