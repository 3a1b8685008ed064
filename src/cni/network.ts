import { join } from 'node:path'
import type { Address, Cidr } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Netns } from '../kernel/netns.ts'
import type { Mac } from '../kernel/rtnetlink/mac.ts'
import { deleteLink } from '../kernel/rtnetlink/link.ts'
import { openNftables } from '../kernel/nftables/socket.ts'
import { openRouteSocket } from '../kernel/rtnetlink/socket.ts'
import { hasSysctl } from '../kernel/sysctl.ts'
import { adopt } from './adopt.ts'
import { type Bandwidth, detours, limitBandwidth } from './bandwidth.ts'
import { ensureBridge } from './bridge.ts'
import { connect, defaultRoute, endOf } from './cable.ts'
import { type HostPort, type PortOwner, portOwners, publishPorts, withdrawPorts } from './host-ports.ts'
import { openIpam } from './ipam.ts'
import { type Lease, noteOf } from './lease.ts'
import { smallestMtu } from './mtu.ts'
import { openReaper } from './reaper.ts'
import { bridgeName, cableName, cableNumber, isDeviceName, isSandboxId, lowestFree, macOf } from './names.ts'

export type { Bandwidth } from './bandwidth.ts'
export type { HostPort } from './host-ports.ts'

/** One interface of one pod. */
export interface Attachment {
  /** The sandbox's id. */
  readonly id: string
  /** The pod's end of the cable: `eth0`. */
  readonly ifname: string
  readonly address: Address
  /** Length of the node's range. */
  readonly prefix: number
  readonly gateway: Address
  readonly mac: Mac
  /** The node's end of the cable: `veth3`. */
  readonly hostDevice: string
}

export interface AttachRequest {
  /** The sandbox's. */
  id: string
  netns: Netns
  /** Default: `eth0`. */
  ifname?: string
  hostPorts?: readonly HostPort[]
  bandwidth?: Bandwidth
  /** What people call it, told to whoever wants a port that it has: `pod shop/web`. */
  title?: string
}

/** The pods' cables of one node. Every call is done when it returns. */
export interface PodNetwork {
  readonly bridge: { readonly name: string; readonly index: number; readonly gateway: Address; readonly mtu: number }
  /** Connects a sandbox, limits it, and publishes ports of the node for it. Fails as a whole: after an error nothing of it is left. */
  add(request: AttachRequest): Attachment
  /** Disconnects all of a sandbox and frees its addresses; fine when repeated, or when its namespace is gone. */
  del(id: string): void
  get(id: string): Attachment | undefined
  list(): Attachment[]
  /** Leaves the kernel as it is: pods stay connected. */
  close(): void
}

export interface PodNetworkOptions {
  /** The node's range, `node.spec.podCIDR`. */
  podCidr: Cidr
  /** Where the given addresses are written down; survives restarts. */
  stateDir: string
  /** The node's network namespace; the thread's own when left out. */
  ns?: Netns
  /** Default: the smallest of the node's links that are up. */
  mtu?: number
  log: Log
}

/** Sets up cbr0 on a node, adopts the pods that are connected, and connects more. */
export function openPodNetwork({ podCidr, stateDir, ns, mtu, log }: PodNetworkOptions): PodNetwork {
  // One folder per range: addresses given before the node's range changed mean nothing in the new one.
  const ipam = openIpam(podCidr, join(stateDir, `${podCidr.address}-${podCidr.prefix}`))
  using stack = new DisposableStack()
  const socket = stack.use(openRouteSocket(ns))
  // It stays open: a socket that has deleted something takes long to close.
  const node = { nftables: stack.use(openNftables(ns)), ns }
  const reaper = stack.adopt(openReaper(socket, ns, log), (one) => one.close())
  reaper.finish()
  const size = mtu ?? smallestMtu(socket.briefLinks(), bridgeName)
  const ipv6 = hasSysctl('net.ipv6.conf.all.forwarding', ns)
  const bridge = ensureBridge({
    socket,
    name: bridgeName,
    gateways: [{ address: ipam.gateway, prefix: podCidr.prefix }],
    hasGateway: true,
    forceAddress: false,
    mtu: size,
    ns,
    ipv6,
  })
  adopt(socket, ipam, bridge.index, socket.links(), log)
  // Ports and limits of pods that were adopted stay as they are in the kernel.
  const connected = new Set(ipam.list().map((lease) => lease.hostDevice))
  withdrawPorts(node, (owner) => owner.network === ownMark && !connected.has(owner.hostDevice))
  /** Cables of pods with ports of the node. */
  const published = new Set(portOwners(node).flatMap((owner) => (owner.network === ownMark ? [owner.hostDevice] : [])))
  /** The devices by which pods send that may not send as fast as they can, by their cables. */
  const detoured = new Map(detours(socket.links(), ownMark).map(({ hostDevice, index }) => [hostDevice, index]))
  for (const [hostDevice, index] of detoured)
    if (!connected.has(hostDevice)) {
      socket.ensure(deleteLink(index))
      detoured.delete(hostDevice)
    }
  /** Numbers that a new cable cannot have: of ours, of strangers, and of cables that are being deleted. */
  const taken = new Set(socket.links().flatMap((link) => cableNumber(link.name) ?? []))
  const held = stack.move()

  const attachmentOf = (lease: Lease): Attachment => ({
    ...lease,
    prefix: podCidr.prefix,
    gateway: ipam.gateway,
    mac: macOf(lease.address),
  })
  const lay = (lease: Lease, request: AttachRequest): boolean => {
    const { netns, hostPorts = [], bandwidth = {} } = request
    const isPlain = hostPorts.length === 0 && !bandwidth.ingress && !bandwidth.egress
    const cable = {
      socket,
      netns,
      id: lease.id,
      ifname: lease.ifname,
      hostDevice: lease.hostDevice,
      addresses: [{ address: lease.address, prefix: podCidr.prefix }],
      mtu: size,
      bridge: bridge.index,
      bridgeName,
      mac: macOf(lease.address),
      hairpin: true,
      routes: [defaultRoute(podCidr, ipam.gateway)],
      note: noteOf(lease),
      ipv6,
      ...(!isPlain && { beside: () => equip(lease, request) }),
    }
    try {
      return connect(cable) !== undefined
    } catch (error) {
      // The same sandbox was disconnected a moment ago, and its old eth0 is not quite gone.
      if (!(error instanceof KubehopError) || error.code !== 'NameTaken' || !reaper.pending()) throw error
      reaper.finish()
      return connect(cable) !== undefined
    }
  }

  /** What a pod gets beside its cable: all of it, or nothing. */
  const equip = (lease: Lease, { hostPorts = [], bandwidth = {}, title }: AttachRequest): void => {
    const { hostDevice, address } = lease
    try {
      const detour = limitBandwidth(socket, { hostDevice, network: ownMark }, bandwidth)
      if (detour !== undefined) detoured.set(hostDevice, detour.index)
      if (hostPorts.length === 0) return
      published.add(hostDevice)
      publishPorts(node, portOwnerOf(lease, title), hostPorts, { addresses: [address], snat: true })
    } catch (error) {
      takeAway(hostDevice)
      throw error
    }
  }
  /** What a pod has beside its cable. */
  const takeAway = (hostDevice: string): void => {
    if (published.delete(hostDevice))
      withdrawPorts(node, (owner) => owner.network === ownMark && owner.hostDevice === hostDevice)
    const detour = detoured.get(hostDevice)
    if (detoured.delete(hostDevice) && detour !== undefined) reaper.reap(detour, () => {})
  }

  return {
    bridge: { name: bridgeName, index: bridge.index, gateway: ipam.gateway, mtu: size },
    add(request) {
      const { id, ifname = 'eth0' } = request
      if (!isSandboxId(id)) throw refused(id, 'BadId', 'an id is 1 to 128 of A-Z, a-z, 0-9, "_", "." and "-"')
      if (!isDeviceName(ifname)) throw refused(id, 'BadName', `"${ifname.slice(0, 40)}" is no name for a link`)
      for (;;) {
        const number = lowestFree(taken)
        const lease = ipam.take({ id, ifname, hostDevice: cableName(number) })
        taken.add(number)
        try {
          if (lay(lease, request)) return attachmentOf(lease)
        } catch (error) {
          taken.delete(number)
          ipam.free(lease)
          throw error
        }
        // Somebody else made a link of this name: its number stays taken.
        ipam.free(lease)
      }
    },
    del(id) {
      for (const lease of ipam.leasesOf(id)) {
        const number = cableNumber(lease.hostDevice) ?? 0
        const index = endOf(socket, lease)
        takeAway(lease.hostDevice)
        // The cable first, the address last: a crash in between leaves an address without a cable, which the next start frees.
        if (index === undefined) taken.delete(number)
        else reaper.reap(index, () => taken.delete(number))
        ipam.free(lease)
      }
    },
    get(id) {
      const lease = ipam.leasesOf(id)[0]
      return lease && attachmentOf(lease)
    },
    list: () => ipam.list().map(attachmentOf),
    close: () => held.dispose(),
  }
}

/** Marks what belongs to this node's own pods; networks of the plugin have names of their own. */
const ownMark = 'node'

function portOwnerOf({ hostDevice, id, ifname }: Lease, title: string = `${ifname} of ${id}`): PortOwner {
  return { hostDevice, network: ownMark, bridge: bridgeName, name: title }
}

function refused(id: string, code: string, say: string): KubehopError {
  return new KubehopError('cni', `connect ${JSON.stringify(id.slice(0, 60))}`, code, say)
}
