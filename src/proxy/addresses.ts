import { type Address, contains, family, formatCidr, parseAddress } from '../base/address.ts'
import type { Service } from '../api/objects/service.ts'
import { type Packed, packAddress } from '../kernel/nftables/packed.ts'
import type { NodeFacts } from './node.ts'
import { isReachable } from './packed-address.ts'
import { type Source, sourcesOf } from './sources.ts'

/** An address under which a service is reached. */
export interface ServiceAddress {
  readonly kind: 'clusterIP' | 'loadBalancer' | 'nodePort' | 'externalIP'
  readonly packed: Packed
  /** Who may send; undefined: everybody. Load balancers only. */
  readonly sources?: readonly Source[]
}

/** All of them, of the node's family and without repeats. What cannot be an address of a service is told and left out. */
export function addressesOf(
  service: Service,
  clusterIP: Address,
  node: NodeFacts,
  problem: (object: Service, say: string) => void,
): ServiceAddress[] {
  const { spec, status } = service
  const addresses: ServiceAddress[] = [{ kind: 'clusterIP', packed: packAddress(clusterIP) }]
  const type = spec.type ?? 'ClusterIP'
  const tell = (say: string): void => problem(service, say)
  if (type === 'LoadBalancer')
    for (const { ip, ipMode } of status?.loadBalancer?.ingress ?? []) {
      // What the load balancer translates itself must reach it (KEP-1860).
      if (ip === undefined || ip === '' || ipMode === 'Proxy') continue
      const packed = usable('status.loadBalancer.ingress', ip, node, tell)
      if (packed === undefined) continue
      const sources = sourcesOf(spec.loadBalancerSourceRanges, node, packed, tell)
      addresses.push({ kind: 'loadBalancer', packed, ...(sources ? { sources } : {}) })
    }
  if (type === 'NodePort' || type === 'LoadBalancer')
    for (const own of node.nodePortAddresses) addresses.push({ kind: 'nodePort', packed: packAddress(own) })
  for (const text of spec.externalIPs ?? []) {
    const packed = usable('externalIPs', text, node, tell)
    if (packed !== undefined) addresses.push({ kind: 'externalIP', packed })
  }
  return addresses.length === 1 ? addresses : withoutRepeats(addresses)
}

function usable(field: string, text: string, node: NodeFacts, tell: (say: string) => void): Packed | undefined {
  const address = parseAddress(text)
  if (address === undefined || !isReachable(packAddress(address))) {
    tell(`${field}: "${text}" is no address that can be reached: it is left out`)
    return undefined
  }
  if (family(address) !== node.serviceCidr.family) return undefined
  if (contains(node.podCidr, address)) {
    tell(`${field}: ${address} is in the pods' range ${formatCidr(node.podCidr)}: it is left out`)
    return undefined
  }
  return packAddress(address)
}

/** One address may be a load balancer's and an external IP; node ports are told apart by their port. */
function withoutRepeats(addresses: readonly ServiceAddress[]): ServiceAddress[] {
  const seen = new Set<string>()
  return addresses.filter(({ kind, packed }) => {
    const key = `${kind === 'nodePort' ? 'nodePort' : 'port'} ${packed}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
