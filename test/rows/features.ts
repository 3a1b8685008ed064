import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { Service } from '../../src/api/objects/service.ts'
import { affinities } from './affinity.ts'
import { badInput } from './bad-input.ts'
import { clusterIPs } from './cluster-ip.ts'
import { externalIPs } from './external-ip.ts'
import { externalPolicies } from './external-policy.ts'
import { hints } from './hints.ts'
import { internalPolicies } from './internal-policy.ts'
import { large } from './large.ts'
import { leftAlone } from './left-alone.ts'
import { loadBalancers } from './load-balancer.ts'
import { masquerades } from './masquerade.ts'
import { nodePorts } from './node-port.ts'
import { protocols } from './protocols.ts'
import { refusals } from './refusals.ts'
import type { Feature } from './row.ts'
import { sourceRanges } from './source-ranges.ts'
import { terminating } from './terminating.ts'

/** Everything that a service can be, in one cluster. */
export const features: Readonly<Record<string, Feature>> = {
  'cluster IPs': clusterIPs,
  protocols,
  'node ports': nodePorts,
  'load balancers': loadBalancers,
  'source ranges': sourceRanges,
  'external IPs': externalIPs,
  'externalTrafficPolicy Local': externalPolicies,
  'internalTrafficPolicy Local': internalPolicies,
  'terminating endpoints': terminating,
  hints,
  affinity: affinities,
  masquerade: masquerades,
  refusals,
  'left alone': leftAlone,
  'bad input': badInput,
  'many endpoints': large,
}

const all = Object.values(features)
export const allServices: readonly Service[] = all.flatMap(({ services }) => services)
export const allSlices: readonly EndpointSlice[] = all.flatMap(({ slices }) => slices)
