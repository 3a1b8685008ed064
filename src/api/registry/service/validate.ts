import { equal } from '../../json.ts'
import { type Fault, fault } from '../../errors.ts'
import type { Service, ServiceSpec } from '../../objects/service.ts'
import { inRange, ipAddress, oneOf } from '../checks.ts'
import { dnsSubdomain, labels } from '../names.ts'
import { validateClusterIps } from './cluster-ips.ts'
import { validateOutside } from './outside.ts'
import { validatePorts } from './ports.ts'
import { isHeadless, takesClusterIp, takesHealthCheckPort } from './reach.ts'

/** Upstream's validateService, in its words. Runs before addresses and ports are given, so what is missing there is no fault. */
export function validate(service: Service): Fault[] {
  const { spec, metadata } = service
  if (spec === undefined) return [fault.required('spec')]
  return [
    ...validateTopologyMode(metadata.annotations),
    ...validatePorts(spec),
    ...(takesClusterIp(spec) ? validateClusterIps(spec) : validateExternalName(spec)),
    ...labels('spec.selector', spec.selector),
    ...oneOf('spec.type', spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']),
    ...oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']),
    ...validateAffinity(spec),
    ...oneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, ['Cluster', 'Local']),
    ...oneOf('spec.trafficDistribution', spec.trafficDistribution, ['PreferClose', 'PreferSameZone', 'PreferSameNode']),
    ...validateOutside(service),
  ]
}

export function validateUpdate({ spec }: Service, { spec: old }: Service): Fault[] {
  const faults: Fault[] = []
  // From and to ExternalName the address comes and goes; otherwise it is for life.
  if (takesClusterIp(spec) && takesClusterIp(old)) {
    if (spec.clusterIP !== old.clusterIP)
      faults.push(fault.invalid('spec.clusterIPs[0]', spec.clusterIPs ?? [], 'may not change once set'))
    else if (!isHeadless(spec) && spec.ipFamilies?.[0] !== old.ipFamilies?.[0])
      faults.push(fault.invalid('spec.ipFamilies[0]', spec.ipFamilies ?? [], 'may not change once set'))
  }
  if (spec.type === 'LoadBalancer' && old.type === 'LoadBalancer' && spec.loadBalancerClass !== old.loadBalancerClass)
    faults.push(fault.invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set'))
  if (takesHealthCheckPort(spec) && takesHealthCheckPort(old) && spec.healthCheckNodePort !== old.healthCheckNodePort)
    faults.push(fault.forbidden('spec.healthCheckNodePort', 'field is immutable'))
  return faults
}

/** What a cloud, or somebody by hand, says that a load balancer has been given. */
export function validateStatus({ spec, status }: Service, old: Service): Fault[] {
  const path = 'status.loadBalancer.ingress'
  const ingress = status?.loadBalancer?.ingress ?? []
  if (ingress.length > 0 && spec.type !== 'LoadBalancer')
    return [fault.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")]
  if (equal(ingress, old.status?.loadBalancer?.ingress)) return []
  return ingress.flatMap(({ ip, ipMode, hostname }, at) => {
    const here = `${path}[${at}]`
    const faults = ip ? ipAddress(`${here}.ip`, ip) : []
    if (ipMode !== undefined && !ip)
      faults.push(fault.forbidden(`${here}.ipMode`, 'may not be specified when `ip` is not set'))
    else faults.push(...oneOf(`${here}.ipMode`, ipMode, ['Proxy', 'VIP']))
    if (hostname && ipAddress('', hostname).length === 0)
      faults.push(fault.invalid(`${here}.hostname`, hostname, 'must be a DNS name, not an IP address'))
    else if (hostname) faults.push(...dnsSubdomain(`${here}.hostname`, hostname))
    return faults
  })
}

function validateExternalName(spec: ServiceSpec): Fault[] {
  const fields = ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const
  return [
    ...fields
      .filter((field) => (spec[field]?.length ?? 0) > 0)
      .map((field) => fault.forbidden(`spec.${field}`, 'may not be set for ExternalName services')),
    // A dot at the end says that the name is whole.
    ...(spec.externalName
      ? dnsSubdomain('spec.externalName', spec.externalName.replace(/\.$/, ''))
      : [fault.required('spec.externalName')]),
  ]
}

const dayInSeconds = 86400

function validateAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): Fault[] {
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds
  return sessionAffinity !== 'ClientIP' || inRange(seconds, 1, dayInSeconds)
    ? []
    : [
        fault.invalid(
          'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
          seconds,
          `must be greater than 0 and less than ${dayInSeconds}`,
        ),
      ]
}

const topologyMode = 'service.kubernetes.io/topology-mode'
const topologyHints = 'service.kubernetes.io/topology-aware-hints'

function validateTopologyMode(annotations: Record<string, string> = {}): Fault[] {
  const [mode, hints] = [annotations[topologyMode], annotations[topologyHints]]
  return mode === undefined || hints === undefined || mode === hints
    ? []
    : [
        fault.invalid(
          `metadata.annotations[${topologyMode}]`,
          mode,
          `must match annotations[${topologyHints}] when both are specified`,
        ),
      ]
}
