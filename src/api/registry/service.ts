import { parseAddress, family } from '../../base/address.ts'
import { type Fault, fault } from '../errors.ts'
import { equal } from '../json.ts'
import { keyOf } from '../client/client.ts'
import type { Service, ServicePort } from '../objects/service.ts'
import { inRange, ipAddress, oneOf, port, portNumberOrName, unique } from './checks.ts'
import { dnsSubdomain, labels, portName, qualifiedName } from './names.ts'
import type { Strategy, World } from './strategy.ts'

/** Services get their addresses and node ports here, as in kube-apiserver, not in a control loop. */
export const serviceStrategy: Strategy<Service> = {
  names: 'service',
  prepareCreate(service) {
    service.status = { loadBalancer: {} }
  },
  prepareUpdate: keepAllocated,
  defaults,
  validate,
  validateUpdate(service, old) {
    const changed = service.spec.clusterIP !== old.spec.clusterIP
    // From and to ExternalName the address comes and goes; otherwise it is for life.
    const stays = old.spec.type !== 'ExternalName' && service.spec.type !== 'ExternalName' && old.spec.clusterIP
    return changed && stays && service.spec.clusterIP
      ? [
          fault.invalid(
            'spec.clusterIPs[0]',
            service.spec.clusterIPs ?? service.spec.clusterIP,
            'may not change once set',
          ),
        ]
      : []
  },
  allocate,
}

const protocols = ['SCTP', 'TCP', 'UDP'] as const

function defaults(service: Service): void {
  const spec = service.spec
  if (spec === undefined) return
  spec.type ??= 'ClusterIP'
  spec.sessionAffinity ??= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  else {
    spec.sessionAffinityConfig ??= {}
    spec.sessionAffinityConfig.clientIP ??= {}
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= 10800
  }
  for (const one of spec.ports ?? []) {
    one.protocol ??= 'TCP'
    if (one.targetPort === undefined || one.targetPort === '' || one.targetPort === 0) one.targetPort = one.port
  }
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
  if (reachedFromOutside(spec)) spec.externalTrafficPolicy ??= 'Cluster'
  else delete spec.externalTrafficPolicy
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
  if (spec.type === 'ExternalName') {
    delete spec.clusterIP
    delete spec.clusterIPs
    delete spec.ipFamilies
    delete spec.ipFamilyPolicy
    return
  }
  if (spec.clusterIP === '') delete spec.clusterIP
  if (spec.clusterIP === undefined && spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0]
  if (spec.clusterIP !== undefined && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
  spec.ipFamilyPolicy ??= 'SingleStack'
}

function reachedFromOutside(spec: Service['spec']): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs?.length ?? 0) > 0
}

/** An update that leaves out what the server gave keeps it: manifests say nothing of addresses and node ports. */
function keepAllocated(service: Service, old: Service): void {
  const spec = service.spec
  if (spec === undefined || old.spec.type === 'ExternalName' || spec.type === 'ExternalName') return
  if (!spec.clusterIP && !spec.clusterIPs?.length) {
    if (old.spec.clusterIP !== undefined) spec.clusterIP = old.spec.clusterIP
    if (old.spec.clusterIPs !== undefined) spec.clusterIPs = old.spec.clusterIPs
  }
  spec.ipFamilies ??= old.spec.ipFamilies ?? []
  if (spec.ipFamilies.length === 0) delete spec.ipFamilies
  if (old.spec.ipFamilyPolicy !== undefined) spec.ipFamilyPolicy ??= old.spec.ipFamilyPolicy
  if (!wantsNodePorts(spec)) {
    // Changing back to ClusterIP gives the ports back, unless the client asks to keep one: that is a fault below.
    for (const one of spec.ports ?? [])
      if (old.spec.ports?.some((was) => was.nodePort === one.nodePort) && wantsNodePorts(old.spec)) delete one.nodePort
    return
  }
  for (const one of spec.ports ?? []) {
    if (one.nodePort) continue
    const was = old.spec.ports?.find((other) => samePort(other, one))
    if (was?.nodePort) one.nodePort = was.nodePort
  }
}

function samePort(a: ServicePort, b: ServicePort): boolean {
  return a.port === b.port && (a.protocol ?? 'TCP') === (b.protocol ?? 'TCP')
}

function wantsNodePorts(spec: Service['spec']): boolean {
  return spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
}

function validate(service: Service): Fault[] {
  const spec = service.spec
  if (spec === undefined) return [fault.required('spec')]
  const headless = spec.clusterIP === 'None'
  const ports = spec.ports ?? []
  const faults: Fault[] = []
  if (ports.length === 0 && !headless && spec.type !== 'ExternalName') faults.push(fault.required('spec.ports'))
  for (const [at, one] of ports.entries())
    faults.push(...validatePort(`spec.ports[${at}]`, one, ports.length > 1, spec))
  faults.push(
    ...unique(
      (at) => `spec.ports[${at}].name`,
      ports,
      (one) => one.name,
    ),
    ...unique(
      (at) => `spec.ports[${at}]`,
      ports,
      (one) => `${one.port}/${one.protocol}`,
    ).map((one) => ({
      ...one,
      say: `Duplicate value: ${JSON.stringify({ protocol: ports[Number(/\d+/.exec(one.path))]?.protocol, port: ports[Number(/\d+/.exec(one.path))]?.port })}`,
    })),
    ...oneOf('spec.type', spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']),
    ...oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']),
    ...oneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, ['Cluster', 'Local']),
    ...oneOf('spec.externalTrafficPolicy', spec.externalTrafficPolicy, ['Cluster', 'Local']),
    ...oneOf('spec.ipFamilyPolicy', spec.ipFamilyPolicy, ['PreferDualStack', 'RequireDualStack', 'SingleStack']),
    ...oneOf('spec.trafficDistribution', spec.trafficDistribution, ['PreferClose', 'PreferSameNode', 'PreferSameZone']),
    ...labels('spec.selector', spec.selector),
    ...validateAffinity(spec),
  )
  for (const [at, one] of (spec.ipFamilies ?? []).entries())
    faults.push(...oneOf(`spec.ipFamilies[${at}]`, one, ['IPv4', 'IPv6']))
  for (const [at, one] of (spec.externalIPs ?? []).entries())
    faults.push(...externalAddress(`spec.externalIPs[${at}]`, one))
  if (spec.type === 'ExternalName')
    faults.push(
      ...(spec.externalName
        ? dnsSubdomain('spec.externalName', spec.externalName.replace(/\.$/, ''))
        : [fault.required('spec.externalName')]),
    )
  else faults.push(...validateClusterIps(spec))
  if (headless && (spec.type === 'NodePort' || spec.type === 'LoadBalancer'))
    faults.push(fault.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`))
  return faults
}

function validatePort(path: string, one: ServicePort, nameNeeded: boolean, spec: Service['spec']): Fault[] {
  const faults = port(`${path}.port`, one.port)
  if (nameNeeded && !one.name) faults.push(fault.required(`${path}.name`))
  else if (one.name) faults.push(...dnsLabelName(`${path}.name`, one.name))
  faults.push(...oneOf(`${path}.protocol`, one.protocol, protocols))
  // Left out, it is the port, and one fault is enough.
  if (one.targetPort !== undefined && one.targetPort !== one.port)
    faults.push(...portNumberOrName(`${path}.targetPort`, one.targetPort))
  if (one.appProtocol) faults.push(...qualifiedName(`${path}.appProtocol`, one.appProtocol))
  if (one.nodePort) {
    if (spec.type === 'ClusterIP' || spec.type === 'ExternalName')
      faults.push(fault.forbidden(`${path}.nodePort`, `may not be used when \`type\` is '${spec.type}'`))
    else if (!inRange(one.nodePort, 1, 65535)) faults.push(...port(`${path}.nodePort`, one.nodePort))
  }
  return faults
}

function dnsLabelName(path: string, name: string): Fault[] {
  // Service port names are DNS labels (they become SRV records); only container ports are limited to 15 characters.
  return portName(path, name).filter((one) => /alpha-numeric characters|begin or end/.test(one.say))
}

function validateClusterIps(spec: Service['spec']): Fault[] {
  const faults: Fault[] = []
  const ips = spec.clusterIPs ?? []
  if (spec.clusterIP !== undefined && ips[0] !== spec.clusterIP)
    faults.push(fault.invalid('spec.clusterIPs', ips, 'first value must match `clusterIP`'))
  if (ips.length > 2) faults.push(fault.tooMany('spec.clusterIPs', ips.length, 2))
  for (const [at, ip] of ips.entries()) {
    if (ip === 'None' && at === 0) continue
    faults.push(...ipAddress(`spec.clusterIPs[${at}]`, ip))
  }
  return faults
}

function validateAffinity(spec: Service['spec']): Fault[] {
  if (spec.sessionAffinity !== 'ClientIP') return []
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
  return inRange(seconds, 1, 86400)
    ? []
    : [
        fault.invalid(
          'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
          seconds,
          'must be greater than 0 and less than 86400',
        ),
      ]
}

function externalAddress(path: string, text: string): Fault[] {
  const faults = ipAddress(path, text)
  if (faults.length > 0) return faults
  if (/^(127\.|169\.254\.|224\.0\.0\.|0\.0\.0\.0$|::1?$|fe80)/.test(text))
    return [fault.invalid(path, text, 'may not be an unspecified, loopback or link-local address')]
  return []
}

function allocate(service: Service, old: Service | undefined, world: World): Fault[] {
  const spec = service.spec
  const owner = keyOf(service)
  const allocator = world.services
  const faults: Fault[] = []
  if (spec.type !== 'ExternalName') {
    if (spec.clusterIP === undefined) {
      if (spec.ipFamilies?.[0] !== undefined && spec.ipFamilies[0] !== allocator.family)
        return [fault.invalid('spec.ipFamilies[0]', spec.ipFamilies[0], 'not configured on this cluster')]
      const ip = allocator.freeAddress()
      if (ip === undefined)
        return [fault.invalid('spec.clusterIPs', [], 'failed to allocate a serviceIP: range is full')]
      spec.clusterIP = ip
      spec.clusterIPs = [ip]
    } else if (spec.clusterIP !== 'None' && spec.clusterIP !== old?.spec.clusterIP) {
      for (const ip of spec.clusterIPs ?? []) {
        const refusal = allocator.refuseAddress(ip, owner)
        if (refusal !== undefined) faults.push(fault.invalid('spec.clusterIPs', spec.clusterIPs, refusal))
      }
    }
    const ip = parseAddress(spec.clusterIP)
    spec.ipFamilies ??= [ip === undefined ? allocator.family : family(ip) === 4 ? 'IPv4' : 'IPv6']
    if (spec.ipFamilyPolicy === 'RequireDualStack')
      faults.push(
        fault.invalid(
          'spec.ipFamilyPolicy',
          spec.ipFamilyPolicy,
          'this cluster is not configured for dual-stack services',
        ),
      )
  }
  return [...faults, ...allocatePorts(service, world)]
}

function allocatePorts(service: Service, world: World): Fault[] {
  const spec = service.spec
  if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return []
  const owner = keyOf(service)
  const faults: Fault[] = []
  const taken = new Map<number, Set<string>>()
  const take = (nodePort: number, protocol: string): boolean => {
    const users = taken.get(nodePort) ?? new Set()
    taken.set(nodePort, users)
    return !users.has(protocol) && Boolean(users.add(protocol))
  }
  for (const [at, one] of (spec.ports ?? []).entries()) {
    if (!one.nodePort) continue
    const path = `spec.ports[${at}].nodePort`
    const refusal = world.services.refusePort(one.nodePort, owner)
    if (refusal !== undefined) faults.push(fault.invalid(path, one.nodePort, refusal))
    else if (!take(one.nodePort, one.protocol ?? 'TCP')) faults.push(fault.duplicate(path, one.nodePort))
  }
  if (!wantsNodePorts(spec)) return faults
  for (const one of spec.ports ?? []) {
    if (one.nodePort) continue
    // One port over several protocols (DNS) gets one node port, as upstream does.
    const twin = spec.ports?.find((other) => other.port === one.port && other.nodePort !== undefined && other !== one)
    const nodePort =
      twin?.nodePort && !taken.get(twin.nodePort)?.has(one.protocol ?? 'TCP')
        ? twin.nodePort
        : world.services.freePort(new Set(taken.keys()))
    if (nodePort === undefined) return [...faults, fault.invalid('spec.ports', null, 'no node port is free')]
    take(nodePort, one.protocol ?? 'TCP')
    one.nodePort = nodePort
  }
  if (spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local' && !spec.healthCheckNodePort) {
    const port = world.services.freePort(new Set(taken.keys()))
    if (port !== undefined) spec.healthCheckNodePort = port
  } else if (spec.externalTrafficPolicy !== 'Local' && !equal(spec.healthCheckNodePort, undefined)) {
    delete spec.healthCheckNodePort
  }
  return faults
}
