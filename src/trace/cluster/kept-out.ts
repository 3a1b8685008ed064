import { type Address, contains, parseAddress, parseCidr } from '../../base/address.ts'
import type { Service } from '../../api/objects/service.ts'
import { type Cluster, nodeOfRange, readyEndpoints, serviceAt } from './cluster.ts'

/** A service that has pods to serve a request, and rules by which this one is not for them. */
export interface KeptOut {
  readonly code: 'SourceRange' | 'NoPodOnNode'
  readonly say: string
  readonly fix: string
}

/** `node`: whose rules decided. Says nothing where the service lets the sender in, or has nobody ready at all. */
export function keptOut(
  cluster: Cluster,
  request: { from: Address; to: Address; port: number; protocol: string; node: string },
): KeptOut | undefined {
  const { from, to, port, protocol, node } = request
  const at = serviceAt(cluster, to, port, protocol)
  if (!at) return undefined
  const { service } = at
  const name = `service ${service.metadata.namespace}/${service.metadata.name}`
  const ranges = service.spec.loadBalancerSourceRanges ?? []
  if (ranges.length > 0 && isBalanced(service, to) && !ranges.some((range) => holds(range, from)))
    return {
      code: 'SourceRange',
      say: `${to} of ${name} is only for ${ranges.join(', ')}, and the sender is ${from}`,
      fix: `add a range with ${from} to loadBalancerSourceRanges of ${name}`,
    }
  const inside = [service.spec.clusterIP, ...(service.spec.clusterIPs ?? [])].includes(to)
  const field = inside ? 'internalTrafficPolicy' : 'externalTrafficPolicy'
  const endpoints = readyEndpoints(cluster, service, at.port.name)
  if (service.spec[field] !== 'Local' || endpoints.length === 0) return undefined
  const nodes = new Set(
    endpoints.map(({ address }) => nodeOfRange(cluster, address)?.node.metadata.name ?? 'elsewhere'),
  )
  if (nodes.has(node)) return undefined
  return {
    code: 'NoPodOnNode',
    say: `${name} has no ready pod on ${node}, and its ${field} is Local (its pods: ${[...nodes].sort().join(', ')})`,
    fix: `set ${field} to Cluster, or run one of its pods on ${node}`,
  }
}

function isBalanced({ status }: Service, to: Address): boolean {
  return status?.loadBalancer?.ingress?.some(({ ip }) => ip !== undefined && parseAddress(ip) === to) ?? false
}

function holds(range: string, address: Address): boolean {
  const parsed = parseCidr(range.trim())
  return parsed !== undefined && contains(parsed, address)
}
