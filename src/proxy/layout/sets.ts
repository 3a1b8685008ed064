import type { FieldType, SetSpec } from '../../kernel/nftables/set.ts'
import type { FamilyFacts } from './family.ts'

/**
 * In the order in which they are filled, and the other way round emptied: what leads to endpoints comes last, so that where a large change has to be
 * cut in two, no packet finds a way whose limits or masquerade are not there yet.
 */
export const setNames = [
  'endpoints',
  'numbers',
  'remembered',
  'affinity',
  'ways',
  'service-ips',
  'hairpin',
  'external',
  'external-local',
  'sources',
  'restricted',
  'connections',
  'sent',
  'received',
  'services',
  'inside',
  'no-endpoints',
  'no-local-endpoints',
] as const
export type SetName = (typeof setNames)[number]

/** The maps that lead from an address to a port's list of endpoints. */
export const pointers: readonly ('services' | 'inside')[] = ['services', 'inside']

/** What counts, for whoever wants to know how much each service is used. Their elements are addresses and ports, as those of `services`. */
export const counterSets: readonly SetName[] = ['connections', 'sent', 'received']

/** Clients that sticky services remember, all together; who comes when it is full is served and not remembered. */
const affinitySize = 1 << 20

/** In the order of {@link setNames}. `counters`: with those that count. */
export function setsOf({ address }: FamilyFacts, counters: boolean): SetSpec[] {
  const flow: readonly FieldType[] = [address, 'inet_proto', 'inet_service']
  const endpoint: readonly FieldType[] = [address, 'inet_service']
  const list = 'list of endpoints'
  const specs: { readonly [N in SetName]: Omit<SetSpec, 'name'> } = {
    endpoints: { key: ['mark', 'mark'], data: endpoint, comment: `${list}, slot : endpoint` },
    numbers: { key: ['mark', 'mark'], data: ['mark'], comment: `sticky: ${list}, slot : number of the endpoint` },
    remembered: {
      key: ['mark', 'mark'],
      data: endpoint,
      comment: `sticky: ${list}, number of the endpoint : endpoint`,
    },
    affinity: {
      key: [address, 'mark'],
      data: ['mark'],
      dynamic: true,
      timeout: 0n,
      size: affinitySize,
      comment: 'sticky: client, port of a service : number of the endpoint',
    },
    ways: { key: ['mark'], data: 'verdict', comment: 'way of picking : the chain that does it' },
    services: { key: flow, data: ['mark'], comment: `service address, protocol, port : ${list} and way of picking` },
    inside: {
      key: flow,
      data: ['mark'],
      comment: 'the same for pods and the node itself, where externalTrafficPolicy is Local',
    },
    'no-endpoints': { key: flow, comment: 'service address, protocol, port : nobody to serve it' },
    'no-local-endpoints': {
      key: flow,
      comment: 'service address, protocol, port : only endpoints of this node may serve it, and there are none',
    },
    'service-ips': { key: [address], comment: 'every cluster IP' },
    hairpin: { key: [address, address], comment: 'endpoints on this node, twice: those that may reach themselves' },
    external: { key: flow, comment: 'addresses from outside: the answer has to come back through this node' },
    'external-local': { key: flow, comment: 'addresses from outside, served on this node: senders keep their address' },
    restricted: { key: flow, comment: 'load balancer addresses with loadBalancerSourceRanges' },
    sources: {
      key: [...flow, address, 'mark'],
      comment: 'load balancer address, protocol, port, range, its prefix length : may send',
    },
    connections: { key: flow, counter: true, comment: 'counts first packets, and their bytes' },
    sent: { key: flow, counter: true, comment: 'counts what goes to endpoints' },
    received: { key: flow, counter: true, comment: 'counts what comes back from endpoints' },
  }
  return setNames.filter((name) => counters || !counterSets.includes(name)).map((name) => ({ name, ...specs[name] }))
}
