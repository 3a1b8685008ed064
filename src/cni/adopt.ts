import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { deleteLink, type Link, setLink } from '../kernel/rtnetlink/link.ts'
import type { RouteSocket } from '../kernel/rtnetlink/socket.ts'
import type { Ipam } from './ipam.ts'
import { type Lease, leaseOfNote } from './lease.ts'
import { bridgeName } from './names.ts'

/**
 * Makes files and kernel agree after a crash, a reboot, or the loss of either. The kernel is right about which pods are connected:
 * it holds their cables, each with its note.
 */
export function adopt(socket: RouteSocket, ipam: Ipam, bridge: number, links: readonly Link[], log: Log): void {
  const veths = links.filter((link) => link.kind === 'veth')
  const noted = new Map<string, { lease: Lease; link: Link }>()
  for (const link of veths) {
    const lease = leaseOfNote(link.name, link.alias)
    if (lease !== undefined) noted.set(link.name, { lease, link })
  }
  for (const lease of ipam.list()) {
    const seen = noted.get(lease.hostDevice)
    if (seen && same(seen.lease, lease)) {
      noted.delete(lease.hostDevice)
      plugIn(socket, bridge, seen.link, log)
      continue
    }
    // Nothing of it in the kernel (the machine was restarted), or a cable without its note: a crash while it was being laid.
    const half = veths.find((link) => link.name === lease.hostDevice && link.master === bridge && !link.alias)
    if (half) socket.ensure(deleteLink(half.index))
    ipam.free(lease)
    log.info({ pod: lease.id, address: lease.address }, 'freed the address of a pod that is no longer connected')
  }
  for (const { lease, link } of noted.values()) {
    try {
      ipam.restore(lease)
      plugIn(socket, bridge, link, log)
      log.warn({ pod: lease.id, address: lease.address, device: lease.hostDevice }, 'wrote down a lost address again')
    } catch (error) {
      log.error({ device: lease.hostDevice, error: messageOf(error) }, 'left alone a cable that does not fit this node')
    }
  }
}

/** Somebody may have deleted the bridge, or taken the cable off it. */
function plugIn(socket: RouteSocket, bridge: number, link: Link, log: Log): void {
  if (link.master === bridge && link.up && link.port?.hairpin === true) return
  socket.apply(setLink(link.index, { master: bridge }), setLink(link.index, { up: true, port: { hairpin: true } }))
  socket.settle(link.name)
  socket.settle(bridgeName)
  log.warn({ device: link.name }, 'put a cable back on the bridge')
}

function same(a: Lease, b: Lease): boolean {
  return a.id === b.id && a.ifname === b.ifname && a.address === b.address
}
