import { parseCidr } from '../../base/address.ts'
import { type Fault, fault } from '../errors.ts'
import type { Node } from '../objects/node.ts'
import { oneOf } from './checks.ts'
import type { Strategy } from './strategy.ts'

export const nodeStrategy: Strategy<Node> = {
  names: 'subdomain',
  defaults(node) {
    node.spec ??= {}
    node.status ??= {}
    if (node.spec.podCIDR && !node.spec.podCIDRs?.length) node.spec.podCIDRs = [node.spec.podCIDR]
    if (!node.spec.podCIDR && node.spec.podCIDRs?.[0]) node.spec.podCIDR = node.spec.podCIDRs[0]
  },
  validate({ spec = {} }) {
    const faults: Fault[] = []
    for (const [at, one] of (spec.podCIDRs ?? []).entries())
      if (parseCidr(one) === undefined)
        faults.push(
          fault.invalid(`spec.podCIDRs[${at}]`, one, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'),
        )
    if (spec.podCIDR && spec.podCIDR !== spec.podCIDRs?.[0])
      faults.push(fault.invalid('spec.podCIDR', spec.podCIDR, 'must be the first of podCIDRs'))
    for (const [at, one] of (spec.taints ?? []).entries()) {
      if (!one.key) faults.push(fault.required(`spec.taints[${at}].key`))
      faults.push(...oneOf(`spec.taints[${at}].effect`, one.effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']))
    }
    return faults
  },
  /** Pods have addresses of it, so a node's range is given once. */
  validateUpdate: (node, old) =>
    old.spec?.podCIDR && node.spec?.podCIDR !== old.spec.podCIDR
      ? [fault.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')]
      : [],
}
