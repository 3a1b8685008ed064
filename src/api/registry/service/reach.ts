import type { ServiceSpec } from '../../objects/service.ts'

// What follows from a service's type and policies. Each says the same of the old and of the new service when one becomes the other.

export function takesClusterIp({ type }: ServiceSpec): boolean {
  return type !== 'ExternalName'
}

export function isHeadless({ clusterIP }: ServiceSpec): boolean {
  return clusterIP === 'None'
}

/** Its ports may have node ports. */
export function takesNodePorts({ type }: ServiceSpec): boolean {
  return type === 'NodePort' || type === 'LoadBalancer'
}

/** Its ports get node ports unasked. */
export function getsNodePorts(spec: ServiceSpec): boolean {
  return spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
}

export function isReachedFromOutside(spec: ServiceSpec): boolean {
  return takesNodePorts(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0)
}

/** Only a load balancer that passes clients' addresses on has to know which nodes have endpoints. */
export function takesHealthCheckPort({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local'
}
