import type { Address, Cidr } from '../base/address.ts'
import { KubehopError, messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Netns } from '../kernel/netns.ts'
import type { Mac } from '../kernel/rtnetlink/mac.ts'
import { deleteLink, type Link } from '../kernel/rtnetlink/link.ts'
import { openRouteSocket, type RouteSocket } from '../kernel/rtnetlink/socket.ts'
import { ensureBridge } from './bridge.ts'
import { connect, cut } from './cable.ts'
import { type Ipam, type Lease, openIpam } from './ipam.ts'
import { bridgeName, cableNumber, freeCable, isDeviceName, isSandboxId, leaseOfNote, macOf } from './names.ts'

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

/** The pods' cables of one node. Every call is done when it returns. */
export interface PodNetwork {
  readonly bridge: { readonly name: string; readonly index: number; readonly gateway: Address; readonly mtu: number }
  /** Connects a sandbox. Fails as a whole: after an error nothing of it is left. */
  add(request: { id: string; netns: Netns; ifname?: string }): Attachment
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
  const ipam = openIpam(podCidr, stateDir)
  const socket = openRouteSocket(ns)
  try {
    const links = socket.links()
    const size = mtu ?? smallestMtu(links)
    const bridge = ensureBridge(socket, podCidr, ipam.gateway, size, ns)
    const cables = new Set(links.map((link) => cableNumber(link.name)).filter((number) => number !== undefined))
    adopt({ socket, ipam, cables, ports: links.filter((link) => link.master === bridge.index), log })
    const attachmentOf = (lease: Lease): Attachment => ({
      ...lease,
      prefix: podCidr.prefix,
      gateway: ipam.gateway,
      mac: macOf(lease.address),
    })

    return {
      bridge: { name: bridgeName, index: bridge.index, gateway: ipam.gateway, mtu: size },
      add({ id, netns, ifname = 'eth0' }) {
        if (!isSandboxId(id)) throw refused(id, 'BadId', 'an id is 1 to 128 of A-Z, a-z, 0-9, "_", "." and "-"')
        if (!isDeviceName(ifname)) throw refused(id, 'BadName', `"${ifname.slice(0, 40)}" is no name for a link`)
        for (;;) {
          const lease = ipam.take({ id, ifname, hostDevice: freeCable(cables) })
          try {
            if (
              connect({ socket, bridge: bridge.index, lease, range: podCidr, gateway: ipam.gateway, mtu: size, netns })
            ) {
              cables.add(cableNumber(lease.hostDevice) ?? 0)
              return attachmentOf(lease)
            }
          } catch (error) {
            ipam.free(lease)
            throw error
          }
          // Somebody else made a link of this name: pass over it.
          ipam.free(lease)
          cables.add(cableNumber(lease.hostDevice) ?? 0)
        }
      },
      del(id) {
        for (const lease of ipam.leasesOf(id)) release(socket, ipam, cables, lease)
      },
      get(id) {
        const lease = ipam.leasesOf(id)[0]
        return lease && attachmentOf(lease)
      },
      list: () => ipam.list().map(attachmentOf),
      close: () => socket.close(),
    }
  } catch (error) {
    socket.close()
    throw error
  }
}

/** The device first, the address last: a crash in between leaves an address without a device, which the next start frees. */
function release(socket: RouteSocket, ipam: Ipam, cables: Set<number>, lease: Lease): void {
  cut(socket, lease)
  cables.delete(cableNumber(lease.hostDevice) ?? 0)
  ipam.free(lease)
}

/** Makes files and kernel agree after a crash, a reboot, or the loss of either. The kernel is right about which pods are connected. */
function adopt(of: { socket: RouteSocket; ipam: Ipam; cables: Set<number>; ports: Link[]; log: Log }): void {
  const { socket, ipam, cables, ports, log } = of
  const noted = new Map<string, Lease>()
  for (const port of ports) {
    const lease = leaseOfNote(port.name, port.alias)
    if (lease !== undefined) noted.set(port.name, lease)
  }
  for (const lease of ipam.list()) {
    const seen = noted.get(lease.hostDevice)
    if (seen?.id === lease.id && seen.ifname === lease.ifname && seen.address === lease.address) {
      noted.delete(lease.hostDevice)
      continue
    }
    // Nothing of it in the kernel (the machine was restarted), or a cable without its note: a crash while it was being laid.
    const half = ports.find((port) => port.name === lease.hostDevice && port.alias === undefined)
    if (half) {
      socket.ensure(deleteLink(half.index))
      cables.delete(cableNumber(half.name) ?? 0)
    }
    ipam.free(lease)
    log.info({ pod: lease.id, address: lease.address }, 'freed the address of a pod that is no longer connected')
  }
  for (const lease of noted.values()) {
    try {
      ipam.restore(lease)
      log.warn({ pod: lease.id, address: lease.address, device: lease.hostDevice }, 'wrote down a lost address again')
    } catch (error) {
      log.error({ device: lease.hostDevice, error: messageOf(error) }, 'left alone a cable that does not fit this node')
    }
  }
}

/** As kubenet did: a packet that a pod may send must fit through every way out of the node. */
function smallestMtu(links: readonly Link[]): number {
  const outside = links.filter(
    (l) => l.up && l.name !== 'lo' && l.name !== bridgeName && cableNumber(l.name) === undefined,
  )
  return outside.length === 0 ? 1500 : Math.min(...outside.map((link) => link.mtu))
}

function refused(id: string, code: string, say: string): KubehopError {
  return new KubehopError('cni', `connect ${JSON.stringify(id.slice(0, 60))}`, code, say)
}
