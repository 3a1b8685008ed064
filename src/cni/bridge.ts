import { type Address, family, overlaps, rangeAround } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import { needBridgeNetfilter } from '../kernel/bridge-netfilter.ts'
import type { Netns } from '../kernel/netns.ts'
import { addAddress, deleteAddress, type LinkAddress } from '../kernel/rtnetlink/address.ts'
import { deleteLink, type Link, setLink } from '../kernel/rtnetlink/link.ts'
import { addLink } from '../kernel/rtnetlink/linkdata.ts'
import type { Mac } from '../kernel/rtnetlink/mac.ts'
import { withOwnRoutes } from '../kernel/rtnetlink/own-routes.ts'
import type { RouteSocket } from '../kernel/rtnetlink/socket.ts'
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts'
import { addLinkLocal, quiet, speaksIpv6 } from './cable.ts'
import { localnetOf, usesLoopback } from './host-ports.ts'
import { linkLocalOf, macOf, macOfAll } from './names.ts'

export interface BridgeOptions {
  socket: RouteSocket
  name: string
  /** The pods' gateways, each with the length of its range: one for each IP family, or more. */
  gateways: readonly Gateway[]
  /** Is the node itself the gateway? Otherwise the bridge has no address, and the node carries nothing on. */
  hasGateway: boolean
  /** Take away another address that the bridge has, instead of refusing. */
  forceAddress: boolean
  mtu: number
  ns: Netns | undefined
  /** Does the kernel know IPv6? */
  ipv6: boolean
}

/** Where pods send what is for others, and the length of the range that it is in. */
export interface Gateway {
  readonly address: Address
  readonly prefix: number
}

/**
 * Makes the bridge (cbr0) with the gateways' addresses, or adopts the one that is there; sets what the node's kernel needs to carry pods' packets.
 * A bridge that could not be finished is taken away again.
 */
export function ensureBridge(options: BridgeOptions): Link {
  const { socket, name, mtu } = options
  const found = socket.link(name)
  if (found !== undefined && found.kind !== 'bridge')
    throw refused(name, 'NotABridge', 'a link of that name is there, but it is no bridge: rename it')
  if (found !== undefined) return finish(options, found)
  // The Ethernet address is pinned: otherwise the bridge takes the lowest of its ports', and changes it as pods come and go.
  socket.apply(addLink({ kind: 'bridge', name, mtu, ...macFor(options) }))
  try {
    const link = socket.link(name)
    if (link === undefined) throw refused(name, 'Gone', 'it was deleted while it was being made')
    return finish(options, link)
  } catch (error) {
    socket.ensure(deleteLink(name))
    throw error
  }
}

function finish(options: BridgeOptions, link: Link): Link {
  const { socket, name, gateways, hasGateway, mtu, ipv6, ns } = options
  if (speaksIpv6(gateways) && !ipv6) throw refused(name, 'NoIpv6', 'the kernel has no IPv6, which a range of it needs')
  const { index } = link
  const present = hasGateway ? settleGateways(options, link) : []
  const has = (one: Gateway): boolean =>
    present.some(({ address, prefix }) => address === one.address && prefix === one.prefix)
  const ofGateway = macFor(options, link.mac).mac
  // An address that was set stays, even if it is the one that the bridge had; one of a gateway was set.
  const mac = ofGateway ?? link.mac
  const change = { ...(mac !== undefined && link.mac !== ofGateway && { mac }), ...(mtu !== link.mtu && { mtu }) }
  // From it the node asks where a pod is when it carries on a packet of somebody else's.
  const speaks =
    hasGateway && speaksIpv6(gateways) && mac !== undefined && !has({ address: linkLocalOf(mac), prefix: 64 })
  const fresh = hasGateway ? gateways.filter((one) => !has(one)) : []
  // With most pods nothing is to be done: it is as the pod before it left it.
  const requests = [
    ...(Object.keys(change).length > 0 ? [setLink(index, change)] : []),
    ...(link.up ? [] : [...quiet(index, ipv6), setLink(index, { up: true })]),
    ...fresh.map((one) => addAddress({ ...one, index })),
    ...(speaks ? [addLinkLocal(index, mac)] : []),
  ]
  if (requests.length === 0) return link
  const own = fresh.map((one) => one.address)
  withOwnRoutes(socket, own, () => socket.ensure(...requests), ns)
  return socket.link(index) ?? link
}

/** One that a gateway has given the bridge stays, though other gateways have come: pods remember it. */
function macFor({ gateways, hasGateway }: BridgeOptions, has?: Mac): { mac?: Mac } {
  if (!hasGateway || gateways.length === 0) return {}
  const own = gateways.map(({ address }) => address)
  return { mac: own.map(macOf).find((mac) => mac === has) ?? macOfAll(own) }
}

/** What a bridge needs whose node carries pods' packets on. Returns the addresses that it has. */
function settleGateways({ socket, name, gateways, forceAddress, ns, ipv6 }: BridgeOptions, link: Link): LinkAddress[] {
  const present = socket.addresses(link.index)
  const foreign = present.filter((one) => isInTheWay(one, gateways))
  if (forceAddress) socket.ensure(...foreign.map(deleteAddress))
  else if (foreign[0] !== undefined)
    throw refused(
      name,
      'OtherAddress',
      `it has ${foreign[0].address}/${foreign[0].prefix}, not ${gateways.map(({ address, prefix }) => `${address}/${prefix}`).join(' or ')} for this node's pods: name another bridge, or say forceAddress: true to take the address away from it and from the containers that use it`,
    )
  if (!needBridgeNetfilter(ns))
    throw refused(
      name,
      'NoBridgeNetfilter',
      'the kernel has no br_netfilter, without which services fail between pods of one node: as root, modprobe br_netfilter (CONFIG_BRIDGE_NETFILTER)',
    )
  for (const { name: sysctl, value, only } of sysctlsOf(name))
    if (only === undefined || (only === 'ipv6' ? ipv6 : speaksIpv6(gateways))) writeSysctl(sysctl, value, ns)
  // 127.0.0.0/8 never leaves or enters a machine, whatever a pod sends; but for published ports, whose rules see to that.
  const localnet = localnetOf(name)
  if (readSysctl(localnet, ns) !== '0' && !usesLoopback(name, ns)) writeSysctl(localnet, 0, ns)
  // With the first address of a range the kernel takes away the others of it.
  return foreign.length > 0 ? socket.addresses(link.index) : present
}

function refused(name: string, code: string, say: string): KubehopError {
  return new KubehopError('cni', `set up ${name}`, code, say)
}

/** As the reference bridge: beside a gateway, no other IPv4 address, and no IPv6 one of an overlapping range. */
function isInTheWay(one: Gateway, gateways: readonly Gateway[]): boolean {
  const like = gateways.filter(({ address }) => family(address) === family(one.address))
  if (like.some(({ address, prefix }) => address === one.address && prefix === one.prefix)) return false
  return like.some((gateway) => family(one.address) === 4 || meet(one, gateway))
}

function meet(a: Gateway, b: Gateway): boolean {
  return overlaps(rangeAround(a.address, a.prefix), rangeAround(b.address, b.prefix))
}

/** In order: ip_forward first, because writing it resets settings of each link. `only`: where IPv6 is, or for an IPv6 range. */
function sysctlsOf(bridge: string): readonly { name: string; value: number; only?: 'ipv6' | 'range6' }[] {
  // sysctl(8): a dot in a name is written as a slash.
  const device = bridge.replaceAll('.', '/')
  return [
    // A pod's packet for another node, or for the world, passes through this machine.
    { name: 'net.ipv4.ip_forward', value: 1 },
    // Not without need: a machine that forwards stops listening to its own router's advertisements.
    { name: 'net.ipv6.conf.all.forwarding', value: 1, only: 'range6' },
    // A pod's answer to a pod on the same node crosses only the bridge; the service proxy must see it there to translate it back.
    { name: 'net.bridge.bridge-nf-call-iptables', value: 1 },
    { name: 'net.bridge.bridge-nf-call-ip6tables', value: 1, only: 'range6' },
    // No pod may tell the node where the world is.
    { name: `net.ipv6.conf.${device}.accept_ra`, value: 0, only: 'ipv6' },
    // Every packet for a service that nobody serves is refused aloud. By default (6168) the kernel says "unreachable" to one address once
    // a second and is silent in between, and a resolver that was not told waits 5 s. The limit for all addresses together stays.
    { name: 'net.ipv4.icmp_ratemask', value: 6160 },
  ]
}
