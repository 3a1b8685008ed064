import { hostPort } from '../../base/address.ts'
import { openConntrack } from '../../kernel/conntrack/socket.ts'
import type { Netns } from '../../kernel/netns.ts'
import { establishedSockets } from '../../kernel/sockdiag/established.ts'
import type { EstablishedFact } from './observation.ts'
import { numbers } from './filter.ts'
import type { LiveSpec } from './spec.ts'

const most = 100

/**
 * What stands between the two already: a connection that is kept alive sends no first packet, so a watch sees nothing of it. Who serves it only the
 * machine knows that translated it; what went over it, the client's own socket.
 */
export function established(
  { protocol, from, asked }: LiveSpec,
  { machine, client }: { machine: Netns | undefined; client: Netns | undefined },
): EstablishedFact[] {
  const [source] = from
  if (source === undefined || protocol === 'icmp') return []
  using conntrack = openConntrack(machine)
  const facts = new Map<string, EstablishedFact>()
  for (const { address: destination, port } of asked) {
    const dst = hostPort(destination, port)
    const key = (sourcePort: number): string => `${sourcePort} ${dst}`
    if (protocol === 'tcp')
      for (const one of establishedSockets(client, { source, destination, port })) {
        const { sourcePort, bytesIn, bytesOut, packetsIn, packetsOut, idleMs } = one
        const counts = { bytesIn, bytesOut, packetsIn, packetsOut, idleMs }
        facts.set(key(sourcePort), { src: hostPort(source, sourcePort), dst, ...counts })
      }
    const filter = { protocol: numbers[protocol], destination, destinationPort: port }
    for (const { original, reply, timeoutSeconds, details } of conntrack.list(filter, true)) {
      if (original.source !== source) continue
      const known = facts.get(key(original.sourcePort))
      // A TCP connection without a socket has ended, and is remembered for a while.
      if (!known && protocol === 'tcp') continue
      facts.set(key(original.sourcePort), {
        ...(known ?? { src: hostPort(source, original.sourcePort), dst }),
        servedBy: hostPort(reply.source, reply.sourcePort),
        ...(details?.began !== undefined && { ageMs: Math.max(0, Date.now() - details.began) }),
        ...(!known && details?.counters),
        ...(protocol !== 'tcp' && timeoutSeconds !== undefined && { forgottenInSeconds: timeoutSeconds }),
      })
    }
  }
  return [...facts.values()].slice(0, most)
}
