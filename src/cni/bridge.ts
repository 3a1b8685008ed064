import { type Address, type Cidr, contains, family, formatCidr } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import { needBridgeNetfilter } from '../kernel/bridge-netfilter.ts'
import type { Netns } from '../kernel/netns.ts'
import { addAddress } from '../kernel/rtnetlink/address.ts'
import { deleteLink, type Link, setLink } from '../kernel/rtnetlink/link.ts'
import { addLink } from '../kernel/rtnetlink/linkdata.ts'
import type { RouteSocket } from '../kernel/rtnetlink/socket.ts'
import { writeSysctl } from '../kernel/sysctl.ts'
import { quiet } from './cable.ts'
import { bridgeName, macOf } from './names.ts'

export interface BridgeOptions {
  socket: RouteSocket
  range: Cidr
  gateway: Address
  mtu: number
  ns: Netns | undefined
  /** Does the kernel know IPv6? */
  ipv6: boolean
}

/**
 * Makes cbr0 with the gateway's address, or adopts the one that is there; sets what the node's kernel needs to carry pods' packets.
 * A bridge that could not be finished is taken away again.
 */
export function ensureBridge(options: BridgeOptions): Link {
  const { socket, gateway, mtu } = options
  const found = socket.link(bridgeName)
  if (found !== undefined && found.kind !== 'bridge')
    throw refused('NotABridge', 'a link of that name is there, but it is no bridge: rename it')
  if (found !== undefined) return finish(options, found)
  // The Ethernet address is pinned: otherwise the bridge takes the lowest of its ports', and changes it as pods come and go.
  socket.apply(addLink({ kind: 'bridge', name: bridgeName, mac: macOf(gateway), mtu }))
  try {
    const link = socket.link(bridgeName)
    if (link === undefined) throw refused('Gone', 'it was deleted while it was being made')
    return finish(options, link)
  } catch (error) {
    socket.ensure(deleteLink(bridgeName))
    throw error
  }
}

function finish({ socket, range, gateway, mtu, ns, ipv6 }: BridgeOptions, link: Link): Link {
  const addresses = socket.addresses(link.index)
  const foreign = addresses.find((one) => family(one.address) === range.family && !isOurs(one, range, gateway))
  if (foreign !== undefined)
    throw refused(
      'OtherAddress',
      `it has ${foreign.address}/${foreign.prefix}, not ${gateway}/${range.prefix} for this node's range ${formatCidr(range)}: delete it`,
    )
  if (range.family === 6 && !ipv6) throw refused('NoIpv6', `the kernel has no IPv6, which ${formatCidr(range)} needs`)
  if (!needBridgeNetfilter(ns))
    throw refused(
      'NoBridgeNetfilter',
      'the kernel has no br_netfilter, without which services fail between pods of one node: as root, modprobe br_netfilter (CONFIG_BRIDGE_NETFILTER)',
    )
  for (const { name, value, only } of sysctls)
    if (only === undefined || (only === 'ipv6' ? ipv6 : range.family === 6)) writeSysctl(name, value, ns)
  socket.ensure(
    setLink(link.index, { mac: macOf(gateway), mtu }),
    ...quiet(link.index, ipv6, range),
    setLink(link.index, { up: true }),
    addAddress({ index: link.index, address: gateway, prefix: range.prefix }),
  )
  return socket.link(link.index) ?? link
}

function refused(code: string, say: string): KubehopError {
  return new KubehopError('cni', `set up ${bridgeName}`, code, say)
}

/** IPv6 link-local addresses come with any link that is up, and disturb nothing. */
function isOurs(one: { address: Address; prefix: number }, range: Cidr, gateway: Address): boolean {
  if (one.address === gateway && one.prefix === range.prefix) return true
  return range.family === 6 && contains({ family: 6, address: 'fe80::' as Address, prefix: 10 }, one.address)
}

/** In order: ip_forward first, because writing it resets settings of each link. `only`: where IPv6 is, or for an IPv6 range. */
const sysctls: readonly { name: string; value: number; only?: 'ipv6' | 'range6' }[] = [
  // A pod's packet for another node, or for the world, passes through this machine.
  { name: 'net.ipv4.ip_forward', value: 1 },
  // Not without need: a machine that forwards stops listening to its own router's advertisements.
  { name: 'net.ipv6.conf.all.forwarding', value: 1, only: 'range6' },
  // A pod's answer to a pod on the same node crosses only the bridge; the service proxy must see it there to translate it back.
  { name: 'net.bridge.bridge-nf-call-iptables', value: 1 },
  { name: 'net.bridge.bridge-nf-call-ip6tables', value: 1, only: 'range6' },
  // No pod may tell the node where the world is.
  { name: `net.ipv6.conf.${bridgeName}.accept_ra`, value: 0, only: 'ipv6' },
  // Every packet for a service that nobody serves is refused aloud. By default (6168) the kernel says "unreachable" to one address once
  // a second and is silent in between, and a resolver that was not told waits 5 s. The limit for all addresses together stays.
  { name: 'net.ipv4.icmp_ratemask', value: 6160 },
  // 127.0.0.0/8 never leaves or enters a machine, whatever a pod sends.
  { name: `net.ipv4.conf.${bridgeName}.route_localnet`, value: 0 },
]
