import { formatCidr } from '../../base/address.ts'
import type { Netns } from '../../kernel/netns.ts'
import type { Link } from '../../kernel/rtnetlink/link.ts'
import { openRouteSocket, type RouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { type DiallingSocket, openSockets, type WaitingSocket } from '../../kernel/sockdiag/waiting.ts'
import type { ForwardingEntry, LinkFact, NetworkFacts, NeighbourEntry, RouteEntry, SocketFact } from '../facts.ts'

/** Enough for any node; a machine that routes for others may have more of each. */
const mostRoutes = 4096
const mostNeighbours = 4096
const mostForwarding = 4096
const mostSockets = 512
const mostDialling = 64

export interface NetworkRead extends NetworkFacts {
  readonly forwarding: readonly ForwardingEntry[]
  readonly sockets: readonly (SocketFact & { readonly inode: number })[]
  readonly dialling: readonly DiallingSocket[]
  /** What was left out, each a sentence. */
  readonly unread: readonly string[]
}

/** Everything that one network namespace tells about itself, over two netlink sockets; 0.3 ms for a pod. */
export function readNetwork(ns: Netns | undefined): NetworkRead {
  const unread: string[] = []
  const some = <T>(what: string, all: readonly T[], most: number): readonly T[] => {
    if (all.length <= most) return all
    unread.push(`${all.length - most} of ${all.length} ${what} are left out`)
    return all.slice(0, most)
  }
  using socket = openRouteSocket(ns)
  const links = socket.links()
  const names = new Map(links.map(({ index, name }) => [index, name]))
  const neighbours = neighboursOf(socket, names)
  // Who sends beyond this namespace is seen in the node's connections; whom nobody on the link has is never sent to.
  const inVain = neighbours.some(({ state }) => state === 'failed' || state === 'incomplete')
  const { waiting, dialling, untold } = openSockets(ns, inVain)
  return {
    links: linksOf(socket, links, names),
    routes: some('routes', routesOf(socket, names), mostRoutes),
    neighbours: some('neighbours', neighbours, mostNeighbours),
    forwarding: some('entries of bridges', forwardingOf(socket, links, names), mostForwarding),
    sockets: some('sockets', waiting.map(socketOf), mostSockets),
    dialling: dialling.slice(0, mostDialling),
    ...(untold.length > 0 && { untold }),
    unread,
  }
}

function linksOf(socket: RouteSocket, links: readonly Link[], names: ReadonlyMap<number, string>): LinkFact[] {
  const addresses = Map.groupBy(socket.addresses(), ({ index }) => index)
  return links.map(({ index, name, kind, mtu, up, running, mac, master, port }) => ({
    name,
    kind: kind ?? '',
    mtu,
    up,
    carrier: running,
    addresses: (addresses.get(index) ?? []).map(({ address, prefix }) => `${address}/${prefix}`),
    ...(mac !== undefined && { mac }),
    ...(master !== undefined && { bridge: names.get(master) ?? '' }),
    ...(port && { hairpin: port.hairpin, forwarding: port.forwarding }),
  }))
}

function routesOf(socket: RouteSocket, names: ReadonlyMap<number, string>): RouteEntry[] {
  return socket.routes().map(({ to, kind = 'unicast', via, index, mtu }) => {
    const device = index === undefined ? undefined : names.get(index)
    return {
      to: to.prefix === 0 ? 'default' : formatCidr(to),
      kind,
      ...(via !== undefined && { via }),
      ...(device !== undefined && { device }),
      ...(mtu !== undefined && { mtu }),
    }
  })
}

function neighboursOf(socket: RouteSocket, names: ReadonlyMap<number, string>): NeighbourEntry[] {
  return socket
    .neighbours()
    .filter(({ state }) => state !== 'noarp')
    .map(({ address, index, mac, state }) => ({
      address,
      device: names.get(index) ?? '',
      state,
      ...(mac !== undefined && { mac }),
    }))
}

function forwardingOf(
  socket: RouteSocket,
  links: readonly Link[],
  names: ReadonlyMap<number, string>,
): ForwardingEntry[] {
  return links
    .filter(({ kind }) => kind === 'bridge')
    .flatMap(({ index, name }) =>
      socket
        .fdb({ bridge: index })
        .filter(({ state }) => state !== 'local')
        .map(({ mac, index: port, remote }) => ({
          mac,
          port: names.get(port) ?? '',
          bridge: name,
          ...(remote !== undefined && { remote }),
        })),
    )
}

function socketOf({ only6, ...socket }: WaitingSocket): SocketFact & { inode: number } {
  return { ...socket, ...(only6 && { only6: true as const }) }
}
