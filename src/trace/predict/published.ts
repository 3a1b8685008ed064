import type { Address } from '../../base/address.ts'
import type { HookName } from '../../kernel/nftables/chain.ts'
import { ctStatus } from '../../kernel/nftables/expr/ct.ts'
import { type Cluster, podAddress, podKey } from '../cluster/cluster.ts'
import { hostPortAt } from '../cluster/host-port.ts'
import type { Machine } from './machine.ts'
import { type Decider, isEarly, masqueraded, type Met } from './met.ts'
import { endsOfPacket } from './path.ts'

/**
 * Ports of the node that lead to pods on it (`hostPort`), behind the services, and their masquerade: what comes from the pod itself, or
 * from the node's 127.0.0.1 (src/cni/host-ports-table.ts).
 */
export function published(
  cluster: Cluster,
  { place }: Machine,
  hook: HookName,
  met: Met,
  sender: Address | undefined,
): Met {
  const { packet } = met
  if (place.kind !== 'node' || (packet.state ?? 'new') !== 'new') return met
  const early = isEarly(hook)
  const done = ((packet.status ?? 0) & ctStatus.dnat) !== 0
  if ((hook !== 'postrouting' && !early) || done === early || met.masquerade) return met
  const original = packet.original ?? { destination: packet.destination, destinationPort: packet.destinationPort }
  const { proto } = endsOfPacket(packet)
  const found = hostPortAt(cluster, original.destination, original.destinationPort, proto, place.name)
  const to = found && podAddress(found.pod)
  if (!found || to === undefined || found.pod.spec.nodeName !== place.name) return met
  const by: Decider = { kind: 'host port', pod: podKey(found.pod) }
  if (!early) {
    const returns = packet.destination === to && (packet.source === to || packet.source.startsWith('127.'))
    return returns ? { ...met, packet: masqueraded(packet, sender), masquerade: true, by, translatedBy: by } : met
  }
  const status = (packet.status ?? 0) | ctStatus.dnat
  return {
    ...met,
    by,
    translatedBy: by,
    packet: { ...packet, destination: to, destinationPort: found.containerPort, original, status },
  }
}
