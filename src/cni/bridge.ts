import { type Address, type Cidr, contains, family, formatCidr } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import { needBridgeNetfilter } from '../kernel/bridge-netfilter.ts'
import type { Netns } from '../kernel/netns.ts'
import { addAddress } from '../kernel/rtnetlink/address.ts'
import { type Link, setLink } from '../kernel/rtnetlink/link.ts'
import { addLink } from '../kernel/rtnetlink/linkdata.ts'
import type { RouteSocket } from '../kernel/rtnetlink/socket.ts'
import { writeSysctl } from '../kernel/sysctl.ts'
import { bridgeName, macOf } from './names.ts'

/** Makes cbr0 with the gateway's address, or adopts the one that is there; sets what the node's kernel needs to carry pods' packets. */
export function ensureBridge(socket: RouteSocket, range: Cidr, gateway: Address, mtu: number, ns?: Netns): Link {
  const op = `set up ${bridgeName}`
  const found = socket.link(bridgeName)
  if (found !== undefined && found.kind !== 'bridge')
    throw new KubehopError('cni', op, 'NotABridge', `a link of that name is there, but it is no bridge: rename it`)
  // The Ethernet address is pinned: otherwise the bridge takes the lowest of its ports', and changes it as pods come and go.
  const mac = macOf(gateway)
  if (found === undefined) socket.apply(addLink({ kind: 'bridge', name: bridgeName, mac, mtu }))
  const link = found ?? socket.link(bridgeName)
  if (link === undefined) throw new KubehopError('cni', op, 'Gone', 'it was deleted while it was being made')

  const has = socket.addresses(link.index)
  const foreign = has.find((one) => family(one.address) === range.family && !isOurs(one, range, gateway))
  if (foreign !== undefined)
    throw new KubehopError(
      'cni',
      op,
      'OtherAddress',
      `it has ${foreign.address}/${foreign.prefix}, not ${gateway}/${range.prefix} for this node's range ${formatCidr(range)}: delete it`,
    )
  if (!needBridgeNetfilter(ns))
    throw new KubehopError(
      'cni',
      op,
      'NoBridgeNetfilter',
      'the kernel has no br_netfilter, without which services fail between pods of one node: as root, modprobe br_netfilter (CONFIG_BRIDGE_NETFILTER)',
    )
  for (const { name, value } of sysctls) writeSysctl(name, value, ns)
  socket.ensure(
    setLink(link.index, { mac, mtu, ipv6LinkLocal: range.family === 6 }),
    setLink(link.index, { up: true }),
    addAddress({ index: link.index, address: gateway, prefix: range.prefix }),
  )
  return socket.link(link.index) ?? link
}

/** IPv6 link-local addresses come with any link that is up, and disturb nothing. */
function isOurs(one: { address: Address; prefix: number }, range: Cidr, gateway: Address): boolean {
  if (one.address === gateway && one.prefix === range.prefix) return true
  return range.family === 6 && contains({ family: 6, address: 'fe80::' as Address, prefix: 10 }, one.address)
}

/** In order: ip_forward first, because writing it resets settings of each link. */
const sysctls: readonly { name: string; value: number }[] = [
  // A pod's packet for another node, or for the world, passes through this machine.
  { name: 'net.ipv4.ip_forward', value: 1 },
  { name: 'net.ipv6.conf.all.forwarding', value: 1 },
  // A pod's answer to a pod on the same node crosses only the bridge; the service proxy must see it there to translate it back.
  { name: 'net.bridge.bridge-nf-call-iptables', value: 1 },
  { name: 'net.bridge.bridge-nf-call-ip6tables', value: 1 },
  // No pod may tell the node where the world is.
  { name: `net.ipv6.conf.${bridgeName}.accept_ra`, value: 0 },
  // 127.0.0.0/8 never leaves or enters a machine, whatever a pod sends.
  { name: `net.ipv4.conf.${bridgeName}.route_localnet`, value: 0 },
]
