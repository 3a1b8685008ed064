import type { Netns } from '../../kernel/netns.ts'
import { deleteLink, type Link } from '../../kernel/rtnetlink/link.ts'
import type { RouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { routesForNow } from '../sockets.ts'
import { type Cable, connect, type Laid } from '../cable.ts'
import type { Lease } from '../lease.ts'
import { macOfAll } from '../names.ts'
import { giveByOther } from './delegate-add.ts'
import type { Call } from './environment.ts'
import { CniError } from './error.ts'
import { applyExtras, type Connected, prepareExtras, removeExtras } from './extras.ts'
import type { Fields, Input } from './input.ts'
import type { Given } from './ipam-given.ts'
import { refuseTwice, take } from './ipam-own.ts'
import { writeRoute } from './ipam-route.ts'
import { openBridge, podNetns } from './kernel.ts'
import { hostDeviceOf, inTurn, noteOfOwner, now, openBook, type Owner } from './leases.ts'
import { type Network, readNetwork, settled } from './network.ts'
import { type Interface, joined, readResult, type Result, writeResult } from './result.ts'

/** Connects a container. Fails as a whole: after an error nothing of it is left, not even its address. */
export function add(call: Call, input: Input): Fields {
  const network = readNetwork(input, call.args)
  const before = input.fields['prevResult'] === undefined ? undefined : readResult(input.fields['prevResult'])
  using netns = podNetns(call.netns)
  const own = attach(call, input, network, netns)
  return writeResult(before === undefined ? own : joined(before, own), input.cniVersion)
}

function attach(call: Call, input: Input, network: Network, netns: Netns): Result {
  const { ipam: plan, dataDir } = network
  const owner = { network: network.name, containerId: call.containerId, ifname: call.ifname }
  const pod = { owner, netns, path: call.netns }
  if (plan.kind === 'other')
    return giveByOther(call, input, network, plan, owner, (whole, given, leases) =>
      connectPod({ ...pod, ...share(whole), given, leases }),
    )
  return inTurn([dataDir, plan.leaseDir], () => {
    const book = openBook(plan.leaseDir, network.name, plan.sets.flat())
    refuseTwice(book, owner)
    const shared = share(network)
    const taken = take(plan, book, owner, now('ours'), ({ id: containerId, ifname }) =>
      removeExtras({ network: network.name, containerId, ifname }),
    )
    try {
      const { given } = settled(network, taken.given, [])
      return connectPod({ ...pod, ...shared, given, leases: taken.leases })
    } catch (error) {
      taken.free()
      throw error
    }
  })
}

/** What all pods of the network share: the bridge, and what extras make for all. */
interface Shared {
  network: Network
  bridge: Link
  mtu: number
  ipv6: boolean
}

function share(network: Network): Shared {
  using socket = routesForNow()
  const bridge = openBridge(socket, network)
  prepareExtras(network)
  return { network, ...bridge }
}

interface Pod extends Shared {
  owner: Owner
  netns: Netns
  /** Of the namespace, as the runtime calls it. */
  path: string
  given: Given
  leases: readonly Lease[]
}

/** The cable, and what else the network has. The addresses are the caller's to free when it throws. */
function connectPod({ network, bridge, mtu, ipv6, owner, netns, path, given, leases }: Pod): Result {
  const { containerId, ifname } = owner
  using socket = routesForNow()
  const hostDevice = hostDeviceOf(owner)
  const mac = network.mac ?? macOfAll(given.ips.map(({ address }) => address))
  const { hostMac } = lay(socket, netns, {
    id: containerId,
    ifname,
    hostDevice,
    addresses: given.ips.map(({ address, prefix }) => ({ address, prefix })),
    mtu,
    bridge: bridge.index,
    bridgeName: bridge.name,
    mac,
    hairpin: network.hairpinMode,
    routes: given.routes,
    note: noteOfOwner(owner),
    ipv6,
  })
  const more = finish({ network, owner, leases, hostDevice, bridge, netns, socket })
  return {
    interfaces: [
      { name: bridge.name, ...(bridge.mac && { mac: bridge.mac }), mtu },
      { name: hostDevice, ...(hostMac && { mac: hostMac }), mtu },
      { name: ifname, mac, mtu, sandbox: path },
      ...more,
    ],
    ips: given.ips.map(({ address, prefix, gateway }) => ({
      address: `${address}/${prefix}`,
      ...(gateway !== undefined && { gateway }),
      interface: 2,
    })),
    routes: given.routes.map(writeRoute),
    dns: Object.keys(network.dns).length > 0 ? network.dns : given.dns,
  }
}

function lay(socket: RouteSocket, netns: Netns, cable: Cable): Laid {
  const laid = connect({ ...cable, socket, netns })
  if (laid !== undefined) return laid
  throw new CniError(
    'failed',
    `${cable.ifname} of ${cable.id} has its cable ${cable.hostDevice} already: DEL comes first`,
  )
}

/** What the network has beyond the cable; when that fails, the cable goes too. */
function finish(pod: Connected): Interface[] {
  try {
    return applyExtras(pod)
  } catch (error) {
    removeExtras(pod.owner)
    pod.socket.ensure(deleteLink(pod.hostDevice))
    throw error
  }
}
