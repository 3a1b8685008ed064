import type { Service, ServicePort, ServiceSpec } from '../../objects/service.ts'
import { isReachedFromOutside } from './reach.ts'

/** Upstream's SetDefaults_Service. What depends on the cluster (addresses, families, ports) is given later, in allocate.ts. */
export function defaults(service: Service): void {
  const spec = service.spec
  if (spec === undefined) return
  for (const field of withoutZero) if (!spec[field]) delete spec[field]
  spec.type ??= 'ClusterIP'
  spec.sessionAffinity ??= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  else if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: threeHours } }
  for (const one of spec.ports ?? []) fillPort(one)
  if (isReachedFromOutside(spec)) spec.externalTrafficPolicy ??= 'Cluster'
  if (spec.type === 'ExternalName') delete spec.internalTrafficPolicy
  else spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
  if (spec.clusterIP !== undefined && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
}

/** An address of a load balancer is captured on the nodes unless it says otherwise (KEP-1860). */
export function statusDefaults({ spec, status }: Service): void {
  if (spec.type !== 'LoadBalancer') return
  for (const one of status?.loadBalancer?.ingress ?? []) if (one.ip) one.ipMode ??= 'VIP'
}

const threeHours = 10800

/** Of these the empty text and 0 say the same as nothing, as the zero values of their types do upstream. */
const withoutZero = [
  'type',
  'sessionAffinity',
  'clusterIP',
  'externalTrafficPolicy',
  'healthCheckNodePort',
] as const satisfies (keyof ServiceSpec)[]

function fillPort(one: ServicePort): void {
  if (!one.nodePort) delete one.nodePort
  if (!one.name) delete one.name
  one.protocol ||= 'TCP'
  if (one.targetPort === undefined || one.targetPort === '' || one.targetPort === 0) one.targetPort = one.port
}
