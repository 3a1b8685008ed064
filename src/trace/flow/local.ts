import { isFirst, type Probe, type Sighting } from './flow.ts'
import type { LocalPacket } from '../observation.ts'
import { readIp } from '../packet/ip.ts'
import { isSamePacket } from './same.ts'

// Packet sockets stand at devices: what a machine's own socket sends they see after the rules have translated it, and what it gets,
// before. Only nf_tables' trace shows both as the socket has them. It has no time stamps; the same packet at a device has.

/** Packets at the sender's own sockets, put before (sent) or behind (got) the sightings of the same packets on that machine. */
export function withLocal(sightings: readonly Sighting[], locals: readonly LocalPacket[], probe: Probe): Sighting[] {
  const added = locals.flatMap(({ place, device, direction, bytes }): Sighting[] => {
    const ip = readIp(Buffer.from(bytes, 'base64'))
    if (!ip || isFirst(ip, { ...probe, source: ip.source }) !== (direction === 'out')) return []
    const same = sightings
      .filter((one) => one.place.kind === place.kind && one.place.name === place.name)
      .filter(({ frame }) => frame.ip && isSamePacket(frame.ip, ip))
    const [earliest = 0n] = inTime(same.length > 0 ? same : sightings)
    const time = direction === 'out' ? earliest - 1n : (inTime(same).at(-1) ?? earliest) + 1n
    // The rules' trace tells only the first bytes: too few for what an ICMP error quotes.
    const whole = ip.transport?.kind === 'icmp' ? same[0]?.frame.ip?.transport : undefined
    const frame = { source: '', destination: '', ip: whole ? { ...ip, transport: whole } : ip }
    return [{ place, device, direction, time, frame, local: true }]
  })
  return [...sightings, ...added]
}

function inTime(sightings: readonly Sighting[]): bigint[] {
  return sightings.map(({ time }) => time).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}
