import { family, parseAddress } from '../../../base/address.ts'
import { keyOf } from '../../client/client.ts'
import { type Fault, fault } from '../../errors.ts'
import type { Service, ServiceSpec } from '../../objects/service.ts'
import type { ServiceAllocator, World } from '../strategy.ts'
import { allocatePorts } from './allocate-ports.ts'
import { isHeadless, takesClusterIp } from './reach.ts'

/** Takes what is scarce, once everything else is right: a cluster IP, node ports, a port for health checks. */
export function allocate(service: Service, old: Service | undefined, { services }: World): Fault[] {
  const { spec } = service
  const owner = keyOf(service)
  const faults = takesClusterIp(spec) ? allocateAddress(spec, old?.spec, owner, services) : []
  return [...faults, ...allocatePorts(spec, owner, services)]
}

function allocateAddress(
  spec: ServiceSpec,
  old: ServiceSpec | undefined,
  owner: string,
  allocator: ServiceAllocator,
): Fault[] {
  const faults = chooseFamilies(spec, allocator.family)
  if (faults.length > 0 || isHeadless(spec)) return faults
  if (spec.clusterIP === undefined) {
    const ip = allocator.freeAddress()
    if (ip === undefined) return [fault.invalid('spec.clusterIPs', [], 'failed to allocate a serviceIP: range is full')]
    spec.clusterIP = ip
    spec.clusterIPs = [ip]
    return []
  }
  if (spec.clusterIP === old?.clusterIP) return []
  return (spec.clusterIPs ?? []).flatMap((ip) => {
    const refusal = allocator.refuseAddress(ip, owner)
    return refusal === undefined ? [] : [fault.invalid('spec.clusterIPs', spec.clusterIPs, refusal)]
  })
}

/** Upstream's initIPFamilyFields for a cluster of one family. */
function chooseFamilies(spec: ServiceSpec, own: 'IPv4' | 'IPv6'): Fault[] {
  const asked = parseAddress(spec.clusterIP ?? '')
  const first = asked === undefined ? own : family(asked) === 4 ? 'IPv4' : 'IPv6'
  const byAddress = asked !== undefined && !spec.ipFamilies?.length
  const families = spec.ipFamilies?.length ? spec.ipFamilies : [first]
  // Nobody knows what stands behind it but who writes its slices: it may be of both families, whatever the cluster has.
  const unknown = isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0
  const policy = spec.ipFamilyPolicy ?? (unknown ? 'RequireDualStack' : 'SingleStack')
  spec.ipFamilyPolicy = policy
  spec.ipFamilies = families
  if (policy === 'SingleStack' && families.length > 1)
    return [
      fault.invalid(
        'spec.ipFamilyPolicy',
        policy,
        "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
      ),
    ]
  if (unknown) {
    if (policy !== 'SingleStack' && families.length === 1)
      spec.ipFamilies = [...families, families[0] === 'IPv4' ? 'IPv6' : 'IPv4']
    return []
  }
  if (policy === 'RequireDualStack')
    return [fault.invalid('spec.ipFamilyPolicy', policy, 'this cluster is not configured for dual-stack services')]
  return families.flatMap((one, at) => {
    if (one === own) return []
    const say = 'not configured on this cluster'
    return byAddress
      ? [fault.invalid('spec.clusterIPs[0]', spec.clusterIPs, `${one} is ${say}`)]
      : [fault.invalid(`spec.ipFamilies[${at}]`, one, say)]
  })
}
