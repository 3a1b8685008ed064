import { equal } from '../../json.ts'
import type { Service, ServicePort, ServiceSpec } from '../../objects/service.ts'
import { defaults } from './defaults.ts'
import { getsNodePorts, isReachedFromOutside, takesClusterIp, takesHealthCheckPort, takesNodePorts } from './reach.ts'

/**
 * What an update keeps of what the server gave, because manifests say nothing of addresses and ports, and what it lets go because the
 * service's new type has no use for it (upstream's patchAllocatedValues, normalizeClusterIPs and dropTypeDependentFields).
 */
export function carryOver(service: Service, old: Service): void {
  const spec = service.spec
  if (spec === undefined) return
  keepAddresses(spec, old.spec)
  defaults(service)
  keepNodePorts(spec, old.spec)
  if (takesHealthCheckPort(spec) && takesHealthCheckPort(old.spec)) keep(spec, old.spec, 'healthCheckNodePort')
  letGo(spec, old.spec)
  if (spec.type !== 'LoadBalancer') service.status = { ...service.status, loadBalancer: {} }
}

function keepAddresses(spec: ServiceSpec, old: ServiceSpec): void {
  if (takesClusterIp(spec) && takesClusterIp(old))
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) keep(spec, old, field)
  // Whoever changes the one address and does not know of the list of them means the list as well.
  if (spec.clusterIP === old.clusterIP || !equal(spec.clusterIPs, old.clusterIPs)) return
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP]
  else delete spec.clusterIPs
}

/** By the port's name; when no port had that name, by its number. */
function keepNodePorts(spec: ServiceSpec, old: ServiceSpec): void {
  if (!getsNodePorts(spec) || !getsNodePorts(old)) return
  const used = new Set((spec.ports ?? []).map((one) => one.nodePort))
  const free = (old.ports ?? []).filter((was) => was.nodePort !== undefined && !used.has(was.nodePort))
  const take = (same: (one: ServicePort, was: ServicePort) => boolean, from: readonly ServicePort[]): void => {
    for (const one of spec.ports ?? []) {
      const nodePort = one.nodePort ?? from.find((was) => same(one, was))?.nodePort
      if (nodePort !== undefined) one.nodePort = nodePort
    }
  }
  take((one, was) => (one.name ?? '') === (was.name ?? ''), free)
  const taken = new Set((spec.ports ?? []).map((one) => one.nodePort))
  take(
    (one, was) => one.port === was.port && one.protocol === was.protocol,
    free.filter((was) => !taken.has(was.nodePort)),
  )
}

/** Only what stayed as it was goes: what somebody changed at the same time is a fault, which validation tells. */
function letGo(spec: ServiceSpec, old: ServiceSpec): void {
  if (takesClusterIp(old) && !takesClusterIp(spec))
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) forget(spec, old, field)
  if (takesNodePorts(old) && !takesNodePorts(spec)) {
    const had = new Set((old.ports ?? []).map((one) => one.nodePort))
    const ports = spec.ports ?? []
    if (ports.every((one) => one.nodePort === undefined || had.has(one.nodePort)))
      for (const one of ports) delete one.nodePort
  }
  if (takesHealthCheckPort(old) && !takesHealthCheckPort(spec)) forget(spec, old, 'healthCheckNodePort')
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer')
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const) forget(spec, old, field)
  if (isReachedFromOutside(old) && !isReachedFromOutside(spec)) forget(spec, old, 'externalTrafficPolicy')
}

function keep<F extends keyof ServiceSpec>(spec: ServiceSpec, old: ServiceSpec, field: F): void {
  const now = spec[field]
  const empty = now === undefined || now === '' || now === 0 || (Array.isArray(now) && now.length === 0)
  if (empty && old[field] !== undefined) spec[field] = old[field]
}

function forget(spec: ServiceSpec, old: ServiceSpec, field: keyof ServiceSpec): void {
  if (equal(spec[field], old[field])) delete spec[field]
}
