import { type Address, type Cidr, cidr } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { Netns } from '../kernel/netns.ts'
import { addAddress } from '../kernel/rtnetlink/address.ts'
import { deleteLink, type LinkRef, setLink } from '../kernel/rtnetlink/link.ts'
import { addLink } from '../kernel/rtnetlink/linkdata.ts'
import type { Mac } from '../kernel/rtnetlink/mac.ts'
import type { Request } from '../kernel/rtnetlink/request.ts'
import { addRoute, type Route } from '../kernel/rtnetlink/route.ts'
import { openRouteSocket, type RouteSocket } from '../kernel/rtnetlink/socket.ts'
import { type Lease, leaseOfNote } from './lease.ts'

/** What one pod's cable is made of. */
export interface Cable {
  lease: Lease
  range: Cidr
  mtu: number
  /** The bridge's index, and its name. */
  bridge: number
  bridgeName: string
  /** Of the pod's end. */
  mac: Mac
  hairpin: boolean
  /** Of the pod, through its end of the cable. */
  routes: readonly Omit<Route, 'index'>[]
  /** Whose cable it is, on the node's end: `noteOf`. */
  note: string
  /** Does the kernel know IPv6? Then a link of an IPv4 range is told to make up no address of its own. */
  ipv6: boolean
}

/** Everything that the node knows no better way to. */
export function defaultRoute({ family }: Cidr, via: Address): Omit<Route, 'index'> {
  return { to: family === 4 ? cidr('0.0.0.0/0') : cidr('::/0'), via }
}

/** The pair: the pod's end is born inside, under its final name and address; the node's end is born on cbr0. */
export function pair({ lease, mtu, bridge, mac }: Cable, netns: Netns): Request {
  return addLink({
    kind: 'veth',
    name: lease.hostDevice,
    master: bridge,
    mtu,
    peer: { name: lease.ifname, ns: netns, mac, mtu },
  })
}

/** Inside the pod. `index` is its end's. */
export function inside({ lease, range, routes, ipv6 }: Cable, index: number): Request[] {
  return [
    setLink('lo', { up: true }),
    ...quiet(index, ipv6, range),
    setLink(index, { up: true }),
    addAddress({ index, address: lease.address, prefix: range.prefix }),
    ...routes.map((route) => addRoute({ ...route, index })),
  ]
}

/**
 * On the node. Hairpin: with bridge-nf-call-iptables the bridge itself carries on with a frame whose destination was just
 * translated; when a pod's service chooses that same pod, the frame must leave by the port it came in by. A promiscuous bridge
 * would do as well, but delivers duplicates. The note is last: a cable without it is one that was never finished.
 */
export function outside({ lease, range, ipv6, hairpin, note }: Cable): Request[] {
  return [
    ...quiet(lease.hostDevice, ipv6, range),
    setLink(lease.hostDevice, { up: true, port: { hairpin } }),
    setLink(lease.hostDevice, { alias: note }),
  ]
}

/** Before a link goes up: no IPv6 address of its own making, and so no router or duplicate searches, where nobody speaks IPv6. */
export function quiet(link: LinkRef, ipv6: boolean, range: Cidr): Request[] {
  return ipv6 && range.family === 4 ? [setLink(link, { ipv6LinkLocal: false })] : []
}

/** Lays the cable, or leaves nothing. false: the name on the node is taken by someone else's link. */
export function connect(cable: Cable & { socket: RouteSocket; netns: Netns }): boolean {
  const { socket, lease, netns } = cable
  const [error] = socket.tryApply([pair(cable, netns)])
  using pod = openRouteSocket(netns)
  if (error !== undefined) {
    if (error.code !== 'EEXIST') throw error
    if (socket.link(lease.hostDevice) !== undefined) return false
    throw new KubehopError(
      'cni',
      `connect ${lease.id}`,
      'NameTaken',
      `its namespace has a link named ${lease.ifname} already`,
      { cause: error },
    )
  }
  try {
    const end = pod.link(lease.ifname)
    if (end === undefined) throw new KubehopError('cni', `connect ${lease.id}`, 'Gone', `${lease.ifname} disappeared`)
    pod.apply(...inside(cable, end.index))
    socket.apply(...outside(cable))
    // The first packet must not be lost: a program may send it before the kernel got around to starting eth0's queue.
    pod.settle(lease.ifname)
    socket.settle(lease.hostDevice)
    socket.settle(cable.bridgeName)
    return true
  } catch (cause) {
    socket.ensure(deleteLink(lease.hostDevice))
    throw cause
  }
}

/** The node's end of a cable, if it is there and still this pod's: names are used again. */
export function endOf(socket: RouteSocket, lease: Lease): number | undefined {
  const link = socket.link(lease.hostDevice)
  const noted = link && leaseOfNote(link.name, link.alias)
  return noted?.id === lease.id && noted.ifname === lease.ifname ? link?.index : undefined
}
