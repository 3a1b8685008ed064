import { type Address, contains, formatCidr, parseCidr } from '../../base/address.ts'
import type { Packet } from '../../kernel/nftables/packet.ts'
import { nodeOfRange, ownerOf, serviceAt, slicesOf } from '../cluster/cluster.ts'
import { keptOut } from '../cluster/kept-out.ts'
import { type Asker, nameOf } from '../cluster/names.ts'
import type { Because } from '../types.ts'
import { type Machine, type MachineRoute, routeTo } from './machine.ts'
import { endsOfPacket } from './path.ts'
import type { Decider, RuleBook } from './rules.ts'

// What the hops of a prediction say: the objects' names for addresses, and which object or line promises it.

export interface Speaker extends RuleBook, Asker {}

/** Of a machine on the nodes' wire that is no node: the control plane's, for example. */
export function sayStranger(address: Address): string {
  return `${address} is not watched: what it does with the packet is not seen`
}

export function saySent(speaker: Speaker, packet: Packet): string {
  const { cluster, ranges } = speaker
  const { destination } = packet
  const owner = ownerOf(cluster, destination)
  const what =
    owner.kind === 'service'
      ? 'a service’s address: no machine has it'
      : owner.kind !== 'unknown'
        ? `${nameOf(speaker, destination)}’s address`
        : destination.startsWith('127.')
          ? 'the sender itself'
          : contains(ranges.services, destination)
            ? 'an address for services, and no service has it'
            : contains(ranges.pods, destination)
              ? 'an address for pods, and no pod has it'
              : ranges.nodes && contains(ranges.nodes, destination)
                ? 'an address on the nodes’ wire, and no node has it'
                : 'an address outside the cluster'
  return `sent to ${endsOfPacket(packet).dst}, ${what}`
}

/** How an endpoint was come by, and the objects that say so. */
export function sayChosen(
  speaker: Speaker,
  before: Packet,
  after: Packet,
  of: number,
): { say: string; because: Because } {
  const { cluster } = speaker
  const [was, is] = [endsOfPacket(before), endsOfPacket(after)]
  const at = serviceAt(cluster, before.destination, before.destinationPort, was.proto)
  const owner = ownerOf(cluster, before.destination)
  const service = at?.service ?? (owner.kind === 'service' ? owner.service : undefined)
  const who = nameOf(speaker, after.destination)
  const chosen = `${was.dst} becomes ${is.dst}${who === undefined ? '' : `, ${who}`}`
  if (!service) return { say: chosen, because: { kind: 'object', text: 'the services’ rules' } }
  const name = `service ${service.metadata.namespace}/${service.metadata.name}`
  const slice = slicesOf(cluster, service).find(({ endpoints }) =>
    endpoints.some(({ addresses }) => addresses.includes(after.destination)),
  )
  const count = of > 1 ? `one of ${of}` : 'the only one'
  const sticky =
    service.spec.sessionAffinity === 'ClientIP' && of > 1 ? '; who has asked before gets the same one again' : ''
  const text = [name, slice && `endpoint slice ${slice.metadata.name}`].filter(Boolean).join(', ')
  return { say: `${name}: ${chosen}, ${count}${sticky}`, because: { kind: 'object', text: `${text}: ${count}` } }
}

/** Why rules say no. */
export function sayRefusal(
  speaker: Speaker,
  machine: Machine,
  packet: Packet,
  by: Decider | undefined,
): { say: string; because: Because } {
  if (by?.kind === 'table') {
    const rule = by.rule === undefined ? '' : ` "${by.rule}"`
    return {
      say: `a rule is against ${endsOfPacket(packet).dst}`,
      because: { kind: 'rule', text: `${by.table} ${by.chain}:${rule}` },
    }
  }
  const { cluster, ranges } = speaker
  const { destination: to, destinationPort: port, source: from } = packet
  const protocol = endsOfPacket(packet).proto
  const kept = keptOut(cluster, { from, to, port, protocol, node: machine.place.name })
  const text = by?.kind === 'services' && by.rule !== undefined ? by.rule : 'services and endpoint slices'
  const because: Because = { kind: 'object', text }
  if (kept) return { say: kept.say, because }
  const served = serviceAt(cluster, to, port, protocol)
  if (served) {
    const { namespace, name } = served.service.metadata
    return { say: `service ${namespace}/${name} has no pod that is ready`, because }
  }
  const owner = ownerOf(cluster, to)
  if (owner.kind === 'service') {
    const { metadata } = owner.service
    const service = `service ${metadata.namespace}/${metadata.name}`
    // An echo request is for a machine, and no machine has the address.
    return {
      say: port === 0 ? `${service} takes what is for its ports, and nothing else` : `${service} has no port ${port}`,
      because,
    }
  }
  const nobody = contains(ranges.services, to)
    ? `no service has ${to}`
    : `a rule is against ${endsOfPacket(packet).dst}`
  return { say: nobody, because }
}

/** Where a machine sends what is not its own, and the line or object that says so. */
export function sayWay(
  speaker: Speaker,
  machine: Machine,
  to: Address,
  route: MachineRoute,
): { say: string; because: Because } {
  const { cluster } = speaker
  const range = nodeOfRange(cluster, to)
  const because: Because =
    machine.known === 'kernel'
      ? { kind: 'route', text: routeText(route) }
      : {
          kind: 'object',
          text: range ? `node ${range.node.metadata.name}: podCIDR ${range.range}` : 'the nodes’ addresses',
        }
  if (machine.place.kind === 'router' && range && route.to.prefix > 0)
    return {
      say: `${formatCidr(route.to)} belongs to ${range.node.metadata.name}${route.via === undefined ? '' : ` (${route.via})`}`,
      because,
    }
  if (route.via === undefined) {
    const who = nameOf(speaker, to)
    return { say: `${to} is ${who ?? 'a machine'} on the same wire: straight to it`, because }
  }
  const gateway = nameOf(speaker, route.via)
  const next = gateway === cluster.router?.name && gateway !== undefined ? 'the router' : (gateway ?? route.via)
  const mine = cluster.nodes.find(({ metadata }) => metadata.name === machine.place.name)?.spec?.podCIDR
  return { say: sayOnward(to, range && mine, next), because }
}

/** To whom a node sends what no line of its own is for; `mine`: its range for pods, where the address is a pod's. */
export function sayOnward(to: Address, mine: string | undefined, next: string): string {
  if (mine === undefined) return `${to} is not here: to ${next}`
  const range = parseCidr(mine)
  return range && contains(range, to)
    ? `${to} is in my own range ${mine}, and no line of the routing table leads to my pods: to ${next}`
    : `${to} is not in my range ${mine}: to ${next}`
}

/** A card's rp_filter is against a packet: the machine would send to its sender by another one, or not at all. */
export function sayStrange(
  machine: Pick<Machine, 'routes' | 'devices'>,
  source: Address,
  card: string,
): { say: string; text: string } {
  const route = routeTo(machine, source)
  const own =
    route?.kind === 'unicast' ? `its own way to ${source} is by ${route.device}` : `it has no way to ${source}`
  const strict = machine.devices.find(({ name }) => name === card)?.comesBack === 'strict'
  return {
    say: `nothing from ${source} is taken that comes by ${card}: rp_filter is on there, and ${own}`,
    text: `net.ipv4.conf.${card}.rp_filter (or of all) = ${strict ? 1 : 2}; ${route ? routeText(route) : `no route to ${source}`}`,
  }
}

export function sayNoWay(machine: Machine, to: Address): { say: string; because: Because } {
  const route = routeTo(machine, to)
  if (route && route.kind !== 'unicast')
    return { say: sayRefusingLine(route.kind, to), because: { kind: 'route', text: routeText(route) } }
  return {
    say:
      machine.place.kind === 'router' ? `no line of the table is for ${to}: thrown away` : `no way to ${to} from here`,
    because: { kind: 'route', text: `no route to ${to}` },
  }
}

/** Lines of a routing table that lead nowhere on purpose (ip-route(8)). */
export const refusingKinds = ['blackhole', 'unreachable', 'prohibit'] as const

/** What such a line does with a packet. */
export function sayRefusingLine(kind: (typeof refusingKinds)[number], to: Address): string {
  switch (kind) {
    case 'blackhole':
      return `a line of the routing table (blackhole) throws away what is for ${to}`
    case 'unreachable':
      return `a line of the routing table (unreachable) lets nothing go on to ${to}`
    case 'prohibit':
      return `a line of the routing table (prohibit) forbids ${to}`
  }
}

export function routeText({ to, kind, via, device }: MachineRoute): string {
  return [
    kind !== 'unicast' && kind,
    to.prefix === 0 ? 'default' : formatCidr(to),
    via !== undefined && `via ${via}`,
    device !== undefined && `dev ${device}`,
  ]
    .filter(Boolean)
    .join(' ')
}
