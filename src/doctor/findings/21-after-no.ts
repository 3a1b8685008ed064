import { type Address, contains, formatCidr, parseCidr } from '../../base/address.ts'
import type { Case } from '../../trace/case.ts'
import { servicesWith } from '../../trace/cluster/cluster.ts'
import type { RuleMet } from '../../trace/observation.ts'
import { isServiceRule } from '../../trace/tell/rules.ts'
import type { IcmpError } from '../../trace/tell/error.ts'

/** What of a request says where its way should have gone on. */
type Around = Pick<Case, 'cluster' | 'ranges'>

/** Whose word a refusal is: that of the machine which was asked, or of a rule on the way that speaks in its place. */
export type Speaker = 'target' | 'node' | undefined

/**
 * What to do once somebody said no by ICMP. `to`: the address that the packet was for when it came there. "Port" and "protocol" come from
 * where the packet was meant to go; "host" and "network" from where its way ended (RFC 1812, 5.2.7.1).
 */
export function afterNo(
  around: Around,
  { kind, by, hasPort, line }: Pick<IcmpError, 'kind' | 'by' | 'hasPort' | 'line'>,
  speaker: Speaker,
  to: Address,
): string {
  if (line) return `on ${by}: ${deleteLine(line.text)}`
  switch (kind) {
    case 'port':
      return hasPort ? afterRefusal(by, speaker) : `the way there is right: nothing at ${by} takes this protocol`
    case 'protocol':
      return `the way there is right: nothing at ${by} takes this protocol`
    case 'prohibited':
      return `a rule at ${by} forbids it: nft list ruleset shows it there`
    case 'host':
      return nobodyHas(around, by, to)
    case 'net':
      return noRoute(around, by, to)
    case 'too-big':
      return `send less at once, or give the link behind ${by} the MTU of the others: ip link set dev NAME mtu BYTES`
    case 'time':
      if (isOuter(around, to)) return onlyPorts(to)
      return `look for a circle: ip route get ${to}, at ${by} and at each place before it`
    case 'other':
      return `the way leads as far as ${by}: look at what it cannot do there`
  }
}

/** Of a routing table: `text` as `ip route` has it. */
export function deleteLine(text: string): string {
  return `ip route del ${text}`
}

/** After a reset, or "port unreachable". */
export function afterRefusal(by: string, speaker: Speaker): string {
  return speaker === 'node'
    ? `the way to ${by} is right, and a rule there answers in the place of the address: it is in the last hop, and in nft list ruleset there`
    : `the way there is right: look at what listens in ${by}, and on which port`
}

/** With the handles by which rules are deleted. */
export const listRules = 'nft -a list ruleset'

/** After silence: where it was seen last, a rule threw it away, or nobody knows what became of it. */
export function afterDrop(place: string, rule: RuleMet | undefined): string {
  if (rule === undefined) return 'look at the place that saw it last, and at what should have come after it'
  if (isServiceRule(rule)) return 'ask for an address and a port that a service has: kubectl get services -A'
  const where = `on ${place}: ${listRules}; it is in table ${rule.table}, chain ${rule.chain}`
  // The end of a chain has no handle.
  if (rule.rule === undefined) return `add a rule that lets it pass, before the end of that chain: ${where}`
  return `let that rule pass it, or delete it by its handle: ${where}`
}

/** The last link was reached, and nobody on it has the address, or who has it does not hear. */
function nobodyHas({ cluster, ranges }: Around, by: string, to: Address): string {
  const has = cluster.pods.some(({ status }) => status?.podIPs?.some(({ ip }) => ip === to) ?? status?.podIP === to)
  const whom = has
    ? `the pod that has it does not hear there: ip neigh show to ${to}, and whether its cable is up`
    : contains(ranges.pods, to)
      ? 'no pod has it: kubectl get pods -A -o wide has the addresses of now'
      : `ask for an address that somebody has; ip neigh show to ${to} has what was heard there`
  return `the way ends at ${by}: ${whom}`
}

/** Of a service, and none that only nodes know: where rules do not translate it, it is an address like any other. */
function isOuter({ cluster, ranges }: Around, to: Address): boolean {
  return servicesWith(cluster, to).length > 0 && !contains(ranges.services, to)
}

function onlyPorts(to: Address): string {
  return `ask ${to} for a port of its service: nodes translate these alone, and send the rest on as for an address of anybody, which may lead back to them`
}

function noRoute({ cluster, ranges }: Around, by: string, to: Address): string {
  if (isOuter({ cluster, ranges }, to)) return onlyPorts(to)
  for (const { metadata, spec, status } of cluster.nodes)
    for (const text of spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR])) {
      const range = parseCidr(text)
      if (!range || !contains(range, to)) continue
      const way = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
      if (metadata.name === by)
        return `${by} itself is to have ${text} on the bridge of its pods, and does not: ip -br addr`
      return `a route is missing at ${by}: ip route add ${text} via ${way ?? `the address of ${metadata.name}`}`
    }
  if (contains(ranges.services, to))
    return 'no route leads to addresses of services, only rules of nodes do: ask from a pod or a node, or for a node port'
  if (contains(ranges.pods, to))
    return `no node has a range for pods with ${to} in it, so no route at ${by} leads there: kubectl get pods -A -o wide has the addresses that there are`
  if (ranges.nodes && contains(ranges.nodes, to))
    return `${by} has no way to ${formatCidr(ranges.nodes)}, where the nodes are: see whether its card there is up: ip -br addr`
  return `${to} is outside the cluster, and pods have no way out: ${by} would need a route there, such as ip route add default via GATEWAY`
}
