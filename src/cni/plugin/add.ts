import { formatCidr } from '../../base/address.ts'
import type { Netns } from '../../kernel/netns.ts'
import { deleteLink } from '../../kernel/rtnetlink/link.ts'
import { openRouteSocket, type RouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { type Cable, connect } from '../cable.ts'
import type { Lease } from '../lease.ts'
import { macOf } from '../names.ts'
import type { Call } from './environment.ts'
import { CniError } from './error.ts'
import { applyExtras, type Connected, prepareExtras, removeExtras } from './extras.ts'
import type { Fields, Input } from './input.ts'
import { openBridge, podNetns } from './kernel.ts'
import { heldBy, hostDeviceOf, inTurn, isOf, noteOfOwner, openRange } from './leases.ts'
import { type Network, readNetwork } from './network.ts'
import { joined, readResult, type Result, writeResult } from './result.ts'

/** Connects a container. Fails as a whole: after an error nothing of it is left, not even its address. */
export function add(call: Call, input: Input): Fields {
  const network = readNetwork(input, call.args)
  const before = input.fields['prevResult'] === undefined ? undefined : readResult(input.fields['prevResult'])
  using netns = podNetns(call.netns)
  const own = inTurn(network.dataDir, () => attach(call, network, netns))
  return writeResult(before === undefined ? own : joined(before, own), input.cniVersion)
}

function attach({ containerId, ifname, netns: path }: Call, network: Network, netns: Netns): Result {
  const { subnet, pool } = network.range
  const owner = { network: network.name, containerId, ifname }
  const taken = heldBy(network.dataDir, network.name).find((held) => isOf(held, owner))
  if (taken !== undefined)
    throw new CniError(
      'failed',
      `${ifname} of ${containerId} is on the network ${network.name} already, with ${taken.lease.address}: DEL comes first`,
    )
  using socket = openRouteSocket()
  const { bridge, mtu, ipv6 } = openBridge(socket, network)
  prepareExtras(network)
  const ipam = openRange(network.dataDir, network.name, subnet, pool)
  const hostDevice = hostDeviceOf(owner)
  const lease = ipam.take({ id: containerId, ifname, hostDevice }, network.wantedAddress)
  const mac = network.mac ?? macOf(lease.address)
  try {
    lay(socket, netns, {
      id: containerId,
      ifname,
      hostDevice,
      addresses: [{ address: lease.address, prefix: subnet.prefix }],
      mtu,
      bridge: bridge.index,
      bridgeName: bridge.name,
      mac,
      hairpin: network.hairpinMode,
      routes: network.routes,
      note: noteOfOwner(owner),
      ipv6,
    })
    finish({ network, owner, leases: [lease], hostDevice, bridge, netns, socket })
  } catch (error) {
    ipam.free(lease)
    throw error
  }
  const hostMac = socket.link(hostDevice)?.mac
  return {
    interfaces: [
      { name: bridge.name, ...(bridge.mac && { mac: bridge.mac }), mtu },
      { name: hostDevice, ...(hostMac && { mac: hostMac }), mtu },
      { name: ifname, mac, mtu, sandbox: path },
    ],
    ips: [{ ...ipOf(lease, network), interface: 2 }],
    routes: network.routes.map(({ to, via, priority, table }) => ({
      dst: formatCidr(to),
      ...(via !== undefined && { gw: via }),
      ...(priority !== undefined && { priority }),
      ...(table !== undefined && { table }),
    })),
    dns: network.dns,
  }
}

function lay(socket: RouteSocket, netns: Netns, cable: Cable): void {
  if (connect({ ...cable, socket, netns })) return
  throw new CniError(
    'failed',
    `${cable.ifname} of ${cable.id} has its cable ${cable.hostDevice} already: DEL comes first`,
  )
}

/** What the network has beyond the cable; when that fails, the cable goes too. */
function finish(pod: Connected): void {
  try {
    applyExtras(pod)
  } catch (error) {
    removeExtras(pod.owner)
    pod.socket.ensure(deleteLink(pod.hostDevice))
    throw error
  }
}

function ipOf({ address }: Lease, { range: { subnet, pool } }: Network): { address: string; gateway: string } {
  return { address: `${address}/${subnet.prefix}`, gateway: pool.gateway }
}
