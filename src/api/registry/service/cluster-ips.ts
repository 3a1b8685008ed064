import { address, family } from '../../../base/address.ts'
import { type Fault, fault } from '../../errors.ts'
import type { ServiceSpec } from '../../objects/service.ts'
import { ipAddress, oneOf, unique } from '../checks.ts'
import { takesNodePorts } from './reach.ts'

/** Upstream's ValidateServiceClusterIPsRelatedFields: the addresses and their families, without asking what the cluster has. */
export function validateClusterIps(spec: ServiceSpec): Fault[] {
  const { clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec
  const path = 'spec.clusterIPs'
  const faults = [
    ...ipFamilies.flatMap((one, at) => oneOf(`spec.ipFamilies[${at}]`, one, ['IPv4', 'IPv6'])),
    ...unique(
      (at) => `spec.ipFamilies[${at}]`,
      ipFamilies,
      (one) => one,
    ),
    ...oneOf('spec.ipFamilyPolicy', ipFamilyPolicy, ['PreferDualStack', 'RequireDualStack', 'SingleStack']),
  ]
  if (clusterIP === undefined && clusterIPs.length > 0)
    faults.push(fault.invalid(path, clusterIPs, 'must be empty when `clusterIP` is not specified'))
  else if (clusterIP !== undefined && clusterIPs[0] !== clusterIP)
    faults.push(fault.invalid(path, clusterIPs, 'first value must match `clusterIP`'))
  if (clusterIPs[0] === 'None') {
    if (clusterIPs.length > 1) faults.push(fault.invalid(path, clusterIPs, "'None' must be the first and only value"))
    if (takesNodePorts(spec))
      faults.push(fault.invalid(`${path}[0]`, 'None', `may not be set to 'None' for ${spec.type} services`))
    return faults
  }
  const wrong = clusterIPs.flatMap((one, at) => ipAddress(`${path}[${at}]`, one))
  if (clusterIPs.length > 2) wrong.push(fault.invalid(path, clusterIPs, 'may only hold up to 2 values'))
  if (wrong.length > 0) return [...faults, ...wrong]
  const families = clusterIPs.map((one) => (family(address(one)) === 4 ? 'IPv4' : 'IPv6'))
  if (new Set(families).size < families.length)
    faults.push(fault.invalid(path, clusterIPs, 'may specify no more than one IP for each IP family'))
  for (const [at, wanted] of ipFamilies.entries())
    if (families[at] !== undefined && families[at] !== wanted)
      faults.push(
        fault.invalid(
          `${path}[${at}]`,
          clusterIPs[at],
          `expected an ${wanted} value as indicated by \`ipFamilies[${at}]\``,
        ),
      )
  return faults
}
