import { type Address, contains } from '../../base/address.ts'
import type { Ranges } from '../predict/ranges.ts'
import { type Cluster, serviceAt, servicesWith } from './cluster.ts'

/** What a packet is for, as rules for services read it. `port`: 0 where the protocol has none. */
export interface For {
  readonly to: Address
  readonly port: number
  readonly protocol: string
}

/**
 * Why no rule for services has a say in a packet to a load balancer's address or an external IP, as the beginning of a sentence; empty
 * where one has. A cluster IP refuses ports that its service lacks; these addresses may be somebody else's as well, so kube-proxy, too,
 * leaves them alone but for the service's ports (KEP-3866).
 */
export function leftAlone(cluster: Cluster, { pods, services }: Ranges, { to, port, protocol }: For): string {
  const [service] = servicesWith(cluster, to)
  if (!service || contains(services, to) || (service.spec.clusterIPs ?? []).includes(to)) return ''
  const name = `service ${service.metadata.namespace}/${service.metadata.name}`
  if (contains(pods, to)) return `${to} of ${name} is an address for pods, so no rule takes it: `
  if (serviceAt(cluster, to, port, protocol)) return ''
  const lacks = protocol === 'icmp' ? 'takes no echoes' : `has no port ${port}/${protocol.toUpperCase()}`
  return `${name} ${lacks}, and of an address like ${to} rules take its ports alone: `
}

/** Of a packet that has come back to the machine which sent it. */
export function sayFromItself(machine: string, source: Address): string {
  return `comes from a wire, and its sender ${source} is ${machine} itself: no kernel believes that`
}
