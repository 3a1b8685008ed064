import type { Family } from '../base/address.ts'
import type { Connection } from '../kernel/conntrack/connection.ts'
import { type Conntrack, openConntrack } from '../kernel/conntrack/socket.ts'
import type { Netns } from '../kernel/netns.ts'
import { openRouteSocket } from '../kernel/rtnetlink/socket.ts'
import { type PortElement, protocolNumbers, readKey, readTarget } from './host-ports-elements.ts'

/**
 * Forgets what the kernel remembers of UDP packets to these ports: whoever goes on sending would be sent on as before the port was
 * published (`published`), or to a pod that is gone (`withdrawn`), for as long as they do.
 */
export function forgetUdp(elements: readonly PortElement[], since: 'published' | 'withdrawn', ns?: Netns): void {
  const ports = elements.flatMap((element) => {
    if (element.data === undefined) return []
    const { protocol, port, at } = readKey(element)
    if (protocol !== protocolNumbers.UDP) return []
    return [{ family: element.family, port, at, target: readTarget(element.family, element.data) }]
  })
  if (ports.length === 0) return
  using conntrack = openConntrack(ns)
  using socket = openRouteSocket(ns)
  const local = new Set(socket.addresses().map(({ address }) => address))
  for (const version of [4, 6] as const) {
    const asked = Map.groupBy(
      ports.filter(({ family }) => family === version),
      ({ port }) => port,
    )
    for (const connection of connectionsTo(conntrack, version, [...asked.keys()])) {
      const { destination, destinationPort } = connection.original
      const { source, sourcePort } = connection.reply
      const isMeant = asked.get(destinationPort ?? 0)?.some(({ at, target }) => {
        // Also the loopback addresses that nobody has listed: all of 127.0.0.0/8 is the node's.
        const isHere = at === undefined ? local.has(destination) || destination.startsWith('127.') : destination === at
        const isTarget = source === target.address && sourcePort === target.port
        return isHere && isTarget === (since === 'withdrawn')
      })
      if (isMeant) conntrack.delete(connection)
    }
  }
}

/** Each question takes the kernel some milliseconds, however few it finds. */
function connectionsTo(conntrack: Conntrack, family: Family, ports: readonly number[]): Connection[] {
  const filter = { family, protocol: protocolNumbers.UDP }
  if (ports.length > 10) return conntrack.list(filter)
  return ports.flatMap((destinationPort) => conntrack.list({ ...filter, destinationPort }))
}
