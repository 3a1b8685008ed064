import type { Observation } from '../observation.ts'
import { readFrame } from '../packet/frame.ts'
import { type Ip, readIp } from '../packet/ip.ts'

/**
 * What was seen of some requests together, for each by its port (an echo's identifier): what may be of this one, and what is of no
 * request alone. `ports`: of all of them.
 */
export function splitByPort(
  observations: readonly Observation[],
  ports: ReadonlySet<number>,
): (port: number) => Observation[] {
  const all = observations.map((one) => ({ one, ip: ipIn(one) }))
  return (port) => {
    // What only the first bytes of a packet's first line tell, holds for all of its lines.
    const strange = new Set<string>()
    return all.flatMap(({ one, ip }) => (isOwn(one, ip, port, ports, strange) ? [one] : []))
  }
}

function ipIn(one: Observation): Ip | undefined {
  if (one.kind === 'packet') return readFrame(Buffer.from(one.frame, 'base64'))?.ip
  if (one.kind === 'local' || one.kind === 'rule')
    return one.bytes === undefined ? undefined : readIp(Buffer.from(one.bytes, 'base64'))
  return undefined
}

/** Whether an observation may be of the request from `port`. `strange`: packets of which the rules' trace told that they are another's. */
function isOwn(
  one: Observation,
  ip: Ip | undefined,
  port: number,
  ports: ReadonlySet<number>,
  strange: Set<string>,
): boolean {
  if (one.kind !== 'rule') return ip === undefined || mayBelong(ip, port, ports)
  const packet = `${one.place.name} ${one.packet}`
  if (ip && !mayBelong(ip, port, ports)) strange.add(packet)
  return !strange.has(packet)
}

/** What has a port of another of these requests is not this one's; what has none of them may be masqueraded. */
function mayBelong({ transport }: Ip, port: number, ports: ReadonlySet<number>): boolean {
  if (transport === undefined) return false
  if (transport.kind === 'icmp')
    return transport.quote !== undefined || transport.id === port || !ports.has(transport.id)
  const { sourcePort, destinationPort } = transport
  return sourcePort === port || destinationPort === port || !(ports.has(sourcePort) || ports.has(destinationPort))
}
