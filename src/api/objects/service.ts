import { type Address, parseAddress } from '../../base/address.ts'
import type { Condition, IntOrString, KubeObject } from './meta.ts'

export interface Service extends KubeObject {
  kind: 'Service'
  spec: ServiceSpec
  status?: {
    loadBalancer?: { ingress?: { ip?: string; hostname?: string; ipMode?: 'VIP' | 'Proxy' }[] }
    conditions?: Condition[]
  }
}

export interface ServiceSpec {
  type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  selector?: Record<string, string>
  ports?: ServicePort[]
  /** `None` for a headless service. */
  clusterIP?: string
  clusterIPs?: string[]
  ipFamilies?: ('IPv4' | 'IPv6')[]
  ipFamilyPolicy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack'
  externalName?: string
  externalIPs?: string[]
  externalTrafficPolicy?: 'Cluster' | 'Local'
  internalTrafficPolicy?: 'Cluster' | 'Local'
  loadBalancerSourceRanges?: string[]
  loadBalancerClass?: string
  healthCheckNodePort?: number
  publishNotReadyAddresses?: boolean
  sessionAffinity?: 'None' | 'ClientIP'
  sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } }
  allocateLoadBalancerNodePorts?: boolean
  trafficDistribution?: string
}

export interface ServicePort {
  name?: string
  protocol?: 'TCP' | 'UDP' | 'SCTP'
  port: number
  targetPort?: IntOrString
  nodePort?: number
  appProtocol?: string
}

/** Addresses of a load balancer that hands packets on as they are; one that is a proxy (KEP-1860) needs no way to itself. */
export function balancedAddresses({ status }: Service): Address[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
    ip === undefined || ipMode === 'Proxy' ? [] : (parseAddress(ip) ?? []),
  )
}
