import type { Node } from '../../api/objects/node.ts'
import { balancedAddresses, type Service } from '../../api/objects/service.ts'
import {
  type Address,
  addressBytes,
  type Cidr,
  contains,
  formatCidr,
  overlaps,
  parseAddress,
  parseCidr,
} from '../../base/address.ts'
import { nodeAddresses } from '../../trace/cluster/cluster.ts'
import type { MachineFacts } from '../facts.ts'
import type { Check, Finding, View } from '../types.ts'
import { nameOf, referTo } from './finding.ts'
import { onNode } from './on-node.ts'

/** Two things that want the same addresses: packets for one of them go to the other. */
export const check: Check = {
  number: 20,
  title: 'no answer, or the wrong one: ranges of addresses overlap',
  codes: ['RangesOverlap', 'NodeRangesOverlap', 'AddressInRange', 'RouteInRange'],
  needs: 'objects',
  uses: 'machines',
  find: (view) => {
    const shares = sharesOf(view.cluster.nodes)
    return [...ofCluster(view), ...ofNodes(shares), ...addresses(view, shares), ...routes(view, shares)]
  },
}

/** A node's part of the pod addresses. */
interface Share {
  readonly node: Node
  readonly range: Cidr
}

function sharesOf(nodes: readonly Node[]): Share[] {
  const alive = nodes.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  return alive.flatMap((node) => {
    const { podCIDR, podCIDRs } = node.spec ?? {}
    const texts = podCIDRs?.length ? podCIDRs : podCIDR === undefined ? [] : [podCIDR]
    return texts.flatMap((text) => parseCidr(text) ?? []).map((range) => ({ node, range }))
  })
}

/** The ranges that a cluster is given when it is made. */
function ofCluster({ ranges, cluster }: View): Finding[] {
  if (!ranges) return []
  const named: [string, Cidr][] = [
    ['the pod range', ranges.pods],
    ['the service range', ranges.services],
    ...(ranges.nodes ? [['the range of the nodes', ranges.nodes] as [string, Cidr]] : []),
  ]
  return named.flatMap(([what, range], at) =>
    named
      .slice(at + 1)
      .filter(([, other]) => overlaps(range, other))
      .map(
        ([otherWhat, other]): Finding => ({
          number: 20,
          code: 'RangesOverlap',
          level: 'error',
          object: { kind: 'Node', name: cluster.nodes[0]?.metadata.name ?? 'all' },
          sure: 'certain',
          evidence: [{ kind: 'object', text: `${formatCidr(range)} and ${formatCidr(other)}` }],
          say: `${what} ${formatCidr(range)} and ${otherWhat} ${formatCidr(other)} overlap: an address in both means two things`,
          fix: 'make the cluster again with ranges that have nothing in common',
        }),
      ),
  )
}

/** By first address: a range can overlap only what began before it ends. */
function ofNodes(shares: readonly Share[]): Finding[] {
  const found: Finding[] = []
  const sorted = [...shares].sort((one, other) => order(one.range, other.range))
  let widest: Share | undefined
  for (const share of sorted) {
    if (widest && widest.node !== share.node && overlaps(widest.range, share.range)) found.push(both(widest, share))
    if (!widest || !contains(widest.range, share.range.address)) widest = share
  }
  return found
}

function both(one: Share, other: Share): Finding {
  const [first, later] = isOlder(other.node, one.node) ? [other, one] : [one, other]
  return {
    number: 20,
    code: 'NodeRangesOverlap',
    level: 'error',
    object: referTo(later.node),
    also: [referTo(first.node)],
    field: 'spec.podCIDR',
    sure: 'certain',
    evidence: [first, later].map(({ node, range }) => ({
      kind: 'object',
      text: `${nameOf(node)}: podCIDR ${formatCidr(range)}`,
    })),
    say: `${later.node.metadata.name} has ${formatCidr(later.range)} for its pods, and ${first.node.metadata.name} has ${formatCidr(first.range)}: packets for the pods of ${later.node.metadata.name} go to ${first.node.metadata.name}`,
    fix: `a node’s range cannot be changed: delete the node and let it join again: kubectl delete node ${later.node.metadata.name}`,
  }
}

/** Nodes and services whose address lies where pods have theirs. */
function addresses({ cluster, ranges }: View, shares: readonly Share[]): Finding[] {
  const find = finder(shares)
  const found: Finding[] = []
  for (const node of cluster.nodes)
    for (const address of nodeAddresses(node)) {
      const share = find(address)
      if (share) found.push(inside(node, address, share))
    }
  for (const service of cluster.services)
    for (const address of outerAddresses(service)) {
      const share = find(address)
      if (share) found.push(outer(service, address, share))
    }
  // Where the service range is known, its overlap with pods is said once, and not service by service.
  if (ranges) return found
  for (const service of cluster.services) {
    const address = parseAddress(service.spec.clusterIP ?? '')
    const share = address && find(address)
    if (address && share) found.push(inside(service, address, share))
  }
  return found
}

/** Those that a load balancer gives, and external IPs. */
function outerAddresses(service: Service): Address[] {
  const external = (service.spec.externalIPs ?? []).flatMap((text) => parseAddress(text) ?? [])
  return [...new Set([...balancedAddresses(service), ...external])]
}

/** The proxy leaves such an address out, or whoever makes a service could take a pod's packets (src/proxy/addresses.ts). */
function outer(service: Service, address: Address, share: Share): Finding {
  const isExternal = service.spec.externalIPs?.includes(address) ?? false
  return {
    ...inside(service, address, share),
    field: isExternal ? 'spec.externalIPs' : 'status.loadBalancer.ingress',
    say: `${nameOf(service)} has the address ${address} for the outside, which is in the range ${formatCidr(share.range)} of the pods of ${share.node.metadata.name}: there it is a pod’s, and no rule takes it for the service`,
    fix: isExternal
      ? 'take it out of spec.externalIPs, or write one that is in no range of the cluster'
      : 'let whoever gives load balancers their addresses choose from a range that is none of the cluster’s',
  }
}

function inside(object: Parameters<typeof referTo>[0], address: Address, { node, range }: Share): Finding {
  return {
    number: 20,
    code: 'AddressInRange',
    level: 'error',
    object: referTo(object),
    also: [referTo(node)],
    sure: 'certain',
    evidence: [
      { kind: 'object', text: `${nameOf(object)}: ${address}; ${nameOf(node)}: podCIDR ${formatCidr(range)}` },
    ],
    say: `${nameOf(object)} has the address ${address}, which is in the range ${formatCidr(range)} of the pods of ${node.metadata.name}`,
    fix: 'choose ranges for pods, services and machines that have nothing in common',
  }
}

/** What a node's kernel does with packets for pods and services before anything of the cluster sees them. */
function routes({ cluster, machines, ranges }: View, shares: readonly Share[]): Finding[] {
  return machines.flatMap((machine) =>
    machine.routes.flatMap((route): Finding[] => {
      const range = parseCidr(route.to)
      if (!range || range.prefix === 0 || route.kind !== 'unicast') return []
      const where = `${route.to}${route.via === undefined ? '' : ` via ${route.via}`}${route.device === undefined ? '' : ` dev ${route.device}`}`
      const what = stolen(machine, range, route.via, shares, ranges)
      if (what === undefined) return []
      return [
        {
          number: 20,
          code: 'RouteInRange',
          level: 'error',
          object: { kind: machine.kind === 'node' ? 'Node' : 'Router', name: machine.node },
          field: where,
          sure: 'certain',
          evidence: [{ kind: 'route', text: where }],
          say: `${machine.node} has a route for ${route.to}, which is among ${what}: its packets for these never arrive`,
          fix: `take the route away on ${machine.node} (ip route del ${where}), or give that network another range`,
          ...onNode(cluster, machine.node, `ip route del ${where}`),
        },
      ]
    }),
  )
}

/** Whose addresses a route takes. Routes to whole shares, and those that hold several of them, are the cluster's own. */
function stolen(
  machine: MachineFacts,
  range: Cidr,
  via: Address | undefined,
  shares: readonly Share[],
  ranges: View['ranges'],
): string | undefined {
  if (ranges && overlaps(ranges.services, range)) return `the addresses of services (${formatCidr(ranges.services)})`
  const share = shares.find((one) => overlaps(one.range, range) && one.range.prefix <= range.prefix)
  if (!share || share.range.prefix === range.prefix) return undefined
  // A node may cut its own range as it likes; so may a route through the very node.
  if (share.node.metadata.name === machine.node) return undefined
  if (via !== undefined && nodeAddresses(share.node).includes(via)) return undefined
  return `the pods of ${share.node.metadata.name} (${formatCidr(share.range)})`
}

/** The share that an address is in. Shares of one length are looked up, so that thousands of services ask hundreds of nodes at once. */
function finder(shares: readonly Share[]): (address: Address) => Share | undefined {
  const sorted = [...shares].sort((one, other) => order(one.range, other.range))
  const keys = sorted.map(({ range }) => keyOf(range.address))
  return (address) => {
    const key = keyOf(address)
    let [from, to] = [0, keys.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if ((keys[middle] ?? '') <= key) from = middle + 1
      else to = middle
    }
    // Of nested ranges the inner one begins later.
    for (let at = from - 1; at >= Math.max(0, from - 3); at--) {
      const share = sorted[at]
      if (share && contains(share.range, address)) return share
    }
    return undefined
  }
}

function order(one: Cidr, other: Cidr): number {
  const [a, b] = [keyOf(one.address), keyOf(other.address)]
  return a < b ? -1 : a > b ? 1 : one.prefix - other.prefix
}

/** Text that sorts as addresses do, IPv4 first. */
function keyOf(address: Address): string {
  return Buffer.from(addressBytes(address)).toString('hex').padStart(32, '0')
}

function isOlder(one: Node, other: Node): boolean {
  return (one.metadata.creationTimestamp ?? '') < (other.metadata.creationTimestamp ?? '')
}
