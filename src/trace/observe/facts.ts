import type { Address } from '../../base/address.ts'
import { contains, formatCidr } from '../../base/address.ts'
import { messageOf } from '../../base/errors.ts'
import type { Netns } from '../../kernel/netns.ts'
import type { Link } from '../../kernel/rtnetlink/link.ts'
import type { Route } from '../../kernel/rtnetlink/route.ts'
import { openRouteSocket, type RouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Facts, ForwardingFact, Lost, NeighbourFact, Place, RouteFact } from '../observation.ts'
import { refusingKinds } from '../predict/say.ts'
import { listeners } from './listeners.ts'
import type { Watched } from './places.ts'

/** What a place's kernel says about the addresses that a request met there. */
export function factsAt({ place, ns }: Watched, addresses: ReadonlySet<Address>): Facts | Lost {
  try {
    return gatherFacts(place, ns, addresses)
  } catch (error) {
    return { kind: 'lost', place, say: `what its kernel knows could not be read: ${messageOf(error)}` }
  }
}

function gatherFacts(place: Place, ns: Netns | undefined, addresses: ReadonlySet<Address>): Facts {
  using socket = openRouteSocket(ns)
  const links = socket.links()
  const names = new Map(links.map((link) => [link.index, link.name]))
  const routes = [...addresses].map((to) => routeTo(socket, to, names))
  const hops = new Set([...addresses, ...routes.flatMap(({ via }) => (via === undefined ? [] : [via]))])
  const neighbours: NeighbourFact[] = socket
    .neighbours()
    .filter(({ address }) => hops.has(address))
    .map(({ address, index, mac, state }) => ({
      address,
      device: names.get(index) ?? '',
      state,
      ...(mac !== undefined && { mac }),
    }))
  const own = socket.addresses().map(({ address }) => address)
  return {
    kind: 'facts',
    place,
    devices: links.map((link) => ({
      name: link.name,
      kind: link.kind ?? '',
      mtu: link.mtu,
      ...(link.master !== undefined && { bridge: names.get(link.master) ?? '' }),
    })),
    addresses: own,
    routes,
    neighbours,
    forwarding: forwardingOf(socket, links, names),
    // A machine's own sockets matter where a packet was for the machine itself.
    listeners: place.kind === 'pod' || own.some((address) => addresses.has(address)) ? listeners(ns) : [],
  }
}

function routeTo(socket: RouteSocket, to: Address, names: ReadonlyMap<number, string>): RouteFact {
  const route: Route | undefined = socket.routeTo({ to, entry: true }) ?? refusing(socket, to)
  if (!route) return { to }
  const device = route.index === undefined ? undefined : names.get(route.index)
  return {
    to,
    entry: route.to.prefix === 0 ? 'default' : formatCidr(route.to),
    ...(route.kind !== undefined && { kind: route.kind }),
    ...(route.via !== undefined && { via: route.via }),
    ...(device !== undefined && { device }),
  }
}

/**
 * The kernel answers for a line that leads nowhere on purpose (blackhole, unreachable, prohibit) with an error, as where there is no line:
 * the table tells them apart.
 */
function refusing(socket: RouteSocket, to: Address): Route | undefined {
  const [longest] = socket
    .routes()
    .filter((route) => contains(route.to, to))
    .sort((a, b) => b.to.prefix - a.to.prefix || (a.priority ?? 0) - (b.priority ?? 0))
  return refusingKinds.some((kind) => kind === longest?.kind) ? longest : undefined
}

/** Pods of one bridge are told apart by their Ethernet addresses alone. Whole: that a frame's address is not in it is told, too. */
function forwardingOf(
  socket: RouteSocket,
  links: readonly Link[],
  names: ReadonlyMap<number, string>,
): ForwardingFact[] {
  return links
    .filter(({ kind }) => kind === 'bridge')
    .flatMap(({ index }) => socket.fdb({ bridge: index }))
    .filter(({ state }) => state !== 'local')
    .map(({ mac, index }) => ({ mac, port: names.get(index) ?? '' }))
}
