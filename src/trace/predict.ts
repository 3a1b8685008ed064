import { type Address, type Cidr, contains, parseCidr } from '../base/address.ts'
import { decisions, type Decision } from '../proxy/decide.ts'
import { model } from '../proxy/model.ts'
import { endsOfRequest } from './flow.ts'
import { type Cluster, nodeAddresses, nodeOfRange, ownerOf, podKey, serviceAddresses } from './cluster.ts'
import type { Origin } from './origin.ts'
import type { Action, Component, Ends, Hop, Transport } from './types.ts'

export interface Ranges {
  readonly pods: Cidr
  readonly services: Cidr
  /** The wire between machines: whoever has an address in it needs no router. */
  readonly nodes?: Cidr
}

export interface Asked {
  readonly cluster: Cluster
  readonly ranges: Ranges
  readonly source: Origin
  readonly to: { readonly address: Address; readonly port: number }
  readonly protocol: Transport
  /** The source port. */
  readonly port: number
  /** Which endpoint was drawn is the dice's business: the prediction takes the one that was. */
  readonly observed: readonly Hop[]
  /** Machines that could not be watched: nothing is said about them. */
  readonly unwatched: ReadonlySet<string>
}

/** The hops that objects and the rules made from them foretell, up to the pod that the request is for. */
export function predict(asked: Asked): Hop[] {
  const all = decideAt(asked, asked.source.node).flatMap((decision) => {
    // A node that is asked has rules of its own: node ports.
    const owner = ownerOf(asked.cluster, asked.to.address)
    const there = owner.kind === 'node' && decision.action.is === 'none' ? owner.node.metadata.name : undefined
    if (there === undefined || there === asked.source.node) return [pathOf(asked, decision)]
    return decideAt(asked, there).map((second) => pathOf(asked, decision, second))
  })
  return all.find((path) => agreement(path, asked.observed, asked.unwatched) === undefined) ?? all[0] ?? []
}

/** undefined when both tell the same way; else the first place where they part. The order of what one machine does is its kernel's business. */
export function agreement(
  predicted: readonly Hop[],
  observed: readonly Hop[],
  unwatched: ReadonlySet<string>,
): string | undefined {
  const watched = predicted.filter(({ node }) => !unwatched.has(node))
  const [expected, seen] = [stationsOf(watched), stationsOf(observed)]
  for (let at = 0; at < Math.max(expected.length, seen.length); at++) {
    const [one, other] = [expected[at], seen[at]]
    if (one === other) continue
    if (one === undefined) return `nothing was predicted after step ${at}, and this was seen: ${other}`
    return `predicted was ${one}, seen was ${other ?? 'nothing more'}`
  }
  return undefined
}

/** Place by place what happens there, in a form that can be compared. What a pod's socket answers, no object says. */
function stationsOf(hops: readonly Hop[]): string[] {
  const stations: { place: string; acts: string[] }[] = []
  for (const { node, place, component, action } of hops) {
    const key = place === node ? place : `pod ${place}`
    const act =
      place === node
        ? `${component} ${action}`
        : action === 'sent'
          ? 'sends'
          : hops.length === 1
            ? 'cannot send'
            : 'receives'
    const last = stations.at(-1)
    if (last?.place === key && !(act === 'receives' && last.acts.includes('sends'))) last.acts.push(act)
    else stations.push({ place: key, acts: [act] })
  }
  return stations.map(({ place, acts }) => `${place}: ${acts.sort().join(', ')}`)
}

/** What a node's rules make of the request. They are made of each service alone, so only those with this address matter, or, to a node, those with node ports. */
function decideAt({ cluster, ranges, source, to, protocol, port }: Asked, name: string): Decision[] {
  const node = cluster.nodes.find(({ metadata }) => metadata.name === name)
  const addresses = node ? nodeAddresses(node) : []
  const toNode = addresses.includes(to.address)
  const services = cluster.services.filter(
    (service) =>
      serviceAddresses(service).includes(to.address) ||
      (toNode && service.spec.ports?.some(({ nodePort }) => nodePort === to.port)),
  )
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone']
  const own = parseCidr(node?.spec?.podCIDR ?? '')
  const ruleset = model(services, cluster.slices, {
    name,
    ...(zone === undefined ? {} : { zone }),
    ...(own ? { ownPodCidr: own } : {}),
    podCidr: ranges.pods,
    serviceCidr: ranges.services,
    nodePortAddresses: addresses,
    addresses,
  })
  return decisions(ruleset, {
    from: source.address,
    to: to.address,
    protocol: names[protocol],
    port: to.port,
    sourcePort: port,
  })
}

const names = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP', icmp: 'ICMP' } as const

/** `second`: what the node decides for which the request is, where that is another one. */
function pathOf(asked: Asked, decision: Decision, second?: Decision): Hop[] {
  const { cluster, source, to, protocol, port } = asked
  const start = endsOfRequest({ source: source.address, port, protocol }, to)
  const path = new Path(source.node, start)
  // What is for the pod itself never leaves it.
  if (to.address === source.address || to.address.startsWith('127.')) {
    path.at(source.node, nameOf(source.key), 'lo', 'pod', 'sent', `sends to ${start.dst}`)
    return path.at(source.node, nameOf(source.key), 'lo', 'app', 'delivered', 'arrives').hops
  }
  const own = nodeOfRange(cluster, source.address)
  const sameRange = own !== undefined && nodeOfRange(cluster, to.address)?.node === own.node
  // To its own range a pod asks by itself: where nobody answers, nothing is sent.
  if (sameRange && ownerOf(cluster, to.address).kind === 'unknown')
    return path.at(source.node, nameOf(source.key), 'eth0', 'pod', 'dropped', 'nobody has the address').hops
  path.at(source.node, nameOf(source.key), 'eth0', 'pod', 'sent', `sends to ${start.dst}`)
  path.here('veth', 'veth', 'forwarded', 'out of the other end of its cable')
  const target = obey(path, decision, to.address)
  if (target === undefined) return path.hops
  const range = nodeOfRange(cluster, target)
  const owner = ownerOf(cluster, target)
  if (owner.kind === 'node' && owner.node.metadata.name === source.node)
    return path.here('cbr0', 'bridge', 'delivered', 'for the node itself').hops
  if (range?.node.metadata.name === source.node) return toPod(path, owner)
  if (own) path.here('cbr0', 'bridge', 'forwarded', 'for no pod on this bridge: to the node itself')
  return overTheWire(asked, path, target, second)
}

/** What rules do with the packet; where it goes then, or undefined when it goes no further. */
function obey(path: Path, { action, masquerade }: Decision, to: Address): Address | undefined {
  if (action.is === 'reject') path.here('', 'proxy', 'rejected', 'the service rules refuse it')
  else if (action.is === 'drop') path.here('', 'proxy', 'dropped', 'the service rules throw it away')
  else if (action.is === 'none') return to
  else {
    path.translate({ ...path.packet, dst: `${action.address}:${action.port}` }, `one of ${action.of}`)
    if (masquerade) path.translate({ ...path.packet, src: 'the node' }, 'the sender becomes the node')
    return action.address
  }
  return undefined
}

/** From a node to whatever is not on it. */
function overTheWire(asked: Asked, path: Path, target: Address, second: Decision | undefined): Hop[] {
  const { cluster } = asked
  const range = nodeOfRange(cluster, target)
  const owner = ownerOf(cluster, target)
  path.here('eth0', 'route', 'forwarded', 'to the next machine')
  const atRouter = cluster.router?.address === target
  if (cluster.router && !isOnWire(asked, target)) {
    path.go(cluster.router.name)
    // The table has the nodes' ranges and nothing else.
    if (!atRouter && !range) return path.here('eth0', 'route', 'dropped', 'no line of the table is for it').hops
    path.here('eth0', 'route', atRouter ? 'delivered' : 'forwarded', 'by the table')
  }
  if (range) {
    path.go(range.node.metadata.name)
    return toPod(path, owner)
  }
  if (owner.kind !== 'node') return path.hops
  const node = owner.node.metadata.name
  path.go(node)
  const next = second ? obey(path, second, target) : target
  if (next === undefined) return path.hops
  if (next === target) return path.here('eth0', 'route', 'delivered', 'the node itself').hops
  // A service's endpoint: a pod of this node, or of another.
  return nodeOfRange(cluster, next)?.node.metadata.name === node
    ? toPod(path, ownerOf(cluster, next))
    : overTheWire(asked, path, next, undefined)
}

function toPod(path: Path, owner: ReturnType<typeof ownerOf>): Hop[] {
  if (owner.kind !== 'pod') return path.here('cbr0', 'bridge', 'dropped', 'nobody on this bridge has the address').hops
  path.here('cbr0', 'bridge', 'forwarded', 'to the port behind which the address is')
  return path.at(path.node, nameOf(podKey(owner.pod)), 'eth0', 'app', 'delivered', 'arrives').hops
}

/** Nodes and the control plane are neighbours: no router between them. The router itself is where such a packet ends. */
function isOnWire({ cluster, ranges }: Asked, address: Address): boolean {
  if (cluster.router?.address === address) return false
  return ranges.nodes !== undefined && contains(ranges.nodes, address)
}

class Path {
  readonly hops: Hop[] = []
  node: string
  packet: Ends
  constructor(node: string, packet: Ends) {
    this.node = node
    this.packet = packet
  }
  go(node: string): this {
    this.node = node
    return this
  }
  here(device: string, component: Component, action: Action, say: string): this {
    return this.at(this.node, this.node, device, component, action, say)
  }
  translate(after: Ends, say: string): this {
    this.hops.push({
      node: this.node,
      place: this.node,
      device: 'cbr0',
      component: 'proxy',
      action: 'translated',
      packet: this.packet,
      after,
      because,
      say,
    })
    this.packet = after
    return this
  }
  at(node: string, place: string, device: string, component: Component, action: Action, say: string): this {
    this.hops.push({ node, place, device, component, action, packet: this.packet, because, say })
    return this
  }
}

const because = { kind: 'object', text: 'services, endpoint slices and node ranges' } as const

function nameOf(key: string): string {
  return key.slice(key.indexOf('/') + 1)
}
