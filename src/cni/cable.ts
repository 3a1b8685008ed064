import { type Address, type Cidr, cidr, family } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { Netns } from '../kernel/netns.ts'
import { addAddress, type LinkAddress } from '../kernel/rtnetlink/address.ts'
import { deleteLink, type LinkRef, setLink } from '../kernel/rtnetlink/link.ts'
import { addLink } from '../kernel/rtnetlink/linkdata.ts'
import type { Mac } from '../kernel/rtnetlink/mac.ts'
import type { Request } from '../kernel/rtnetlink/request.ts'
import { appendRoute, type Route } from '../kernel/rtnetlink/route.ts'
import { withOwnRoutes } from '../kernel/rtnetlink/own-routes.ts'
import { openRouteSocket, type RouteSocket } from '../kernel/rtnetlink/socket.ts'
import { writeSysctl } from '../kernel/sysctl.ts'
import { type Lease, leaseOfNote } from './lease.ts'
import { linkLocalOf, macOfAll } from './names.ts'
import { deleteCut } from './reaper.ts'

/** What one pod's cable is made of. */
export interface Cable {
  /** Whose: a sandbox and its interface. */
  id: string
  ifname: string
  /** The node's end. */
  hostDevice: string
  /** Of the pod's end, each with the length of its range. */
  addresses: readonly Omit<LinkAddress, 'index'>[]
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
  /** Does the kernel know IPv6? Then links are told to make up no address of their own. */
  ipv6: boolean
}

/** Everything that the node knows no better way to. */
export function defaultRoute({ family }: Cidr, via: Address): Omit<Route, 'index'> {
  return { to: family === 4 ? cidr('0.0.0.0/0') : cidr('::/0'), via }
}

/** The pair: the pod's end is born inside, under its final name and address; the node's end is born on cbr0. */
export function pair({ hostDevice, ifname, mtu, bridge, mac }: Cable, netns: Netns): Request {
  return addLink({
    kind: 'veth',
    name: hostDevice,
    master: bridge,
    mtu,
    peer: { name: ifname, ns: netns, mac, mtu },
  })
}

/** Inside the pod. `index` is its end's. */
export function inside({ addresses, routes, ipv6, mac }: Cable, index: number): Request[] {
  return [
    setLink('lo', { up: true }),
    ...quiet(index, ipv6),
    setLink(index, { up: true }),
    ...addresses.map((one) => addAddress({ ...one, index })),
    ...(speaksIpv6(addresses) ? [addLinkLocal(index, mac)] : []),
    // A pod may be on several networks, each of which wants to be its way to the world: the first one is.
    ...routes.map((route) => appendRoute({ ...route, index })),
  ]
}

/**
 * On the node. Hairpin: with bridge-nf-call-iptables the bridge itself carries on with a frame whose destination was just
 * translated; when a pod's service chooses that same pod, the frame must leave by the port it came in by. A promiscuous bridge
 * did as well on older kernels, but delivers duplicates.
 */
export function outside({ hostDevice, ipv6, hairpin }: Cable): Request[] {
  return [...quiet(hostDevice, ipv6), setLink(hostDevice, { up: true, port: { hairpin } })]
}

/** The very last: a cable without its note is one that was never finished. */
export function noted({ hostDevice, note }: Cable): Request {
  return setLink(hostDevice, { alias: note })
}

/** Before a link goes up: the kernel makes up no IPv6 address of its own, and so searches for no routers and no duplicates. */
export function quiet(link: LinkRef, ipv6: boolean): Request[] {
  return ipv6 ? [setLink(link, { ipv6LinkLocal: false })] : []
}

/** The kernel's own link-local address would be searched for duplicates first, and would carry nothing for a second or two. */
export function addLinkLocal(index: number, mac: Mac): Request {
  return addAddress({ index, address: linkLocalOf(mac), prefix: 64 })
}

export function speaksIpv6(addresses: readonly { address: Address }[]): boolean {
  return addresses.some(({ address }) => family(address) === 6)
}

/** What a link inside a pod needs to carry IPv6 as it is told, and by nobody but us. */
function letIpv6In(netns: Netns, ifname: string): void {
  // sysctl(8): a dot in a name is written as a slash.
  const device = ifname.replaceAll('.', '/')
  // Some runtimes turn IPv6 off in the namespaces that they make.
  for (const link of ['lo', device]) writeSysctl(`net.ipv6.conf.${link}.disable_ipv6`, 0, netns)
  // No other pod may tell this one where the world is.
  writeSysctl(`net.ipv6.conf.${device}.accept_ra`, 0, netns)
  // Nor is anything that a container adds later searched for duplicates first.
  writeSysctl(`net.ipv6.conf.${device}.accept_dad`, 0, netns)
  writeSysctl(`net.ipv6.conf.${device}.keep_addr_on_down`, 1, netns)
}

/** A link whose Ethernet address changes, or is set, says so to all who know another one for its IP addresses. */
function letAnnounce(netns: Netns, ifname: string, addresses: Cable['addresses']): void {
  const device = ifname.replaceAll('.', '/')
  if (addresses.some(({ address }) => family(address) === 4))
    writeSysctl(`net.ipv4.conf.${device}.arp_notify`, 1, netns)
  if (speaksIpv6(addresses)) writeSysctl(`net.ipv6.conf.${device}.ndisc_notify`, 1, netns)
}

/** A cable that lies. */
export interface Laid {
  /** Of the node's end. */
  readonly hostMac: Mac | undefined
}

/**
 * Lays the cable, or leaves nothing. undefined: the name on the node is taken by someone else's link. `beside` makes what else the pod is to
 * have, before the cable counts as finished.
 */
export function connect(cable: Cable & { socket: RouteSocket; netns: Netns; beside?: () => void }): Laid | undefined {
  const { socket, id, ifname, hostDevice, netns } = cable
  let { error, link: made } = socket.tryMake(pair(cable, netns))
  // What was cut and is not yet deleted has its names still, at both ends.
  if (error?.code === 'EEXIST') {
    deleteCut(socket)
    ;({ error, link: made } = socket.tryMake(pair(cable, netns)))
  }
  using pod = openRouteSocket(netns)
  if (error !== undefined) {
    if (error.code !== 'EEXIST') throw error
    if (socket.link(hostDevice) !== undefined) return undefined
    throw new KubehopError('cni', `connect ${id}`, 'NameTaken', `its namespace has a link named ${ifname} already`, {
      cause: error,
    })
  }
  try {
    const end = made?.peer?.index ?? pod.link(ifname)?.index
    if (end === undefined) throw new KubehopError('cni', `connect ${id}`, 'Gone', `${ifname} disappeared`)
    if (speaksIpv6(cable.addresses)) letIpv6In(netns, ifname)
    letAnnounce(netns, ifname, cable.addresses)
    const own = cable.addresses.map((one) => one.address)
    withOwnRoutes(pod, own, () => pod.apply(...inside(cable, end)), netns)
    if (cable.beside === undefined) socket.apply(...outside(cable), noted(cable))
    else {
      socket.apply(...outside(cable))
      cable.beside()
      socket.apply(noted(cable))
    }
    // The first packet must not be lost: a program may send it before the kernel got around to starting eth0's queue.
    pod.settle(ifname)
    socket.settle(hostDevice)
    socket.settle(cable.bridgeName)
    // An Ethernet address that does not follow from the IP address: who had that before had another one, and may be remembered.
    const follows = cable.mac === macOfAll(cable.addresses.map(({ address }) => address))
    if (!follows) pod.apply(setLink(end, { mac: cable.mac }))
    return { hostMac: (made ?? socket.link(hostDevice))?.mac }
  } catch (cause) {
    socket.ensure(deleteLink(hostDevice))
    throw cause
  }
}

/** The node's end of a cable, if it is there and still this pod's: names are used again. */
export function endOf(socket: RouteSocket, lease: Lease): number | undefined {
  const link = socket.link(lease.hostDevice)
  const noted = link && leaseOfNote(link.name, link.alias)
  return noted?.id === lease.id && noted.ifname === lease.ifname ? link?.index : undefined
}
