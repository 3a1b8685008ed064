import { type Fault, fault } from '../../errors.ts'
import type { Service } from '../../objects/service.ts'
import { addressRange, inRange, oneOf, port, unicastAddress } from '../checks.ts'
import { qualifiedName } from '../names.ts'
import { isReachedFromOutside, takesHealthCheckPort } from './reach.ts'

/** How a service is reached from outside: external addresses, load balancers, and what they may pass on. */
export function validateOutside(service: Service): Fault[] {
  const { spec } = service
  const faults = [
    ...(spec.externalIPs ?? []).flatMap((one, at) => unicastAddress(`spec.externalIPs[${at}]`, one)),
    ...validateSourceRanges(service),
    ...oneOf('spec.externalTrafficPolicy', spec.externalTrafficPolicy, ['Cluster', 'Local']),
  ]
  if (spec.type !== 'LoadBalancer')
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const)
      if (spec[field] !== undefined) faults.push(fault.forbidden(`spec.${field}`, onlyForLoadBalancers))
  if (spec.type === 'LoadBalancer' && spec.loadBalancerClass !== undefined)
    faults.push(...qualifiedName('spec.loadBalancerClass', spec.loadBalancerClass))
  if (spec.externalTrafficPolicy !== undefined && !isReachedFromOutside(spec))
    faults.push(
      fault.invalid(
        'spec.externalTrafficPolicy',
        spec.externalTrafficPolicy,
        'may only be set for externally-accessible services',
      ),
    )
  const { healthCheckNodePort } = spec
  if (healthCheckNodePort !== undefined && !takesHealthCheckPort(spec))
    faults.push(
      fault.invalid(
        'spec.healthCheckNodePort',
        healthCheckNodePort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    )
  else if (healthCheckNodePort !== undefined && !inRange(healthCheckNodePort, 1, 65535))
    faults.push(...port('spec.healthCheckNodePort', healthCheckNodePort))
  return faults
}

const onlyForLoadBalancers = "may only be used when `type` is 'LoadBalancer'"

/** Before it was a field it was an annotation; upstream still checks that one, and no proxy reads it. */
const sourceRanges = 'service.beta.kubernetes.io/load-balancer-source-ranges'

function validateSourceRanges({ spec, metadata }: Service): Fault[] {
  const field = 'spec.loadBalancerSourceRanges'
  const ranges = spec.loadBalancerSourceRanges ?? []
  const annotated = metadata.annotations?.[sourceRanges]
  const path = `metadata.annotations[${sourceRanges}]`
  if (ranges.length === 0 && annotated === undefined) return []
  const faults =
    ranges.length > 0
      ? ranges.flatMap((one, at) => addressRange(`${field}[${at}]`, one))
      : (annotated ?? '').split(',').flatMap((one) => (annotated?.trim() ? addressRange(path, one.trim()) : []))
  if (spec.type !== 'LoadBalancer')
    faults.unshift(fault.forbidden(ranges.length > 0 ? field : path, onlyForLoadBalancers))
  return faults
}
