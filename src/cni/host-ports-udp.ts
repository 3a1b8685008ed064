import type { Netns } from '../kernel/netns.ts'
import { openConntrack } from '../kernel/conntrack/socket.ts'
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
  for (const { family, port, at, target } of ports)
    for (const connection of conntrack.list({ family, protocol: protocolNumbers.UDP, destinationPort: port })) {
      const { destination } = connection.original
      // Also the loopback addresses that nobody has listed: all of 127.0.0.0/8 is the node's.
      const isHere = at === undefined ? local.has(destination) || destination.startsWith('127.') : destination === at
      const { source, sourcePort } = connection.reply
      const isTarget = source === target.address && sourcePort === target.port
      if (isHere && isTarget === (since === 'withdrawn')) conntrack.delete(connection)
    }
}
