import { endsOf, isSame } from '../flow/flow.ts'
import type { PacketSeen } from '../observation.ts'
import { hasNumber } from '../observe/number.ts'
import type { WatchSpec } from '../observe/spec.ts'
import { type Frame, readFrame } from '../packet/frame.ts'
import type { Ip } from '../packet/ip.ts'

/**
 * What belongs to one request, of all that a watcher's filter lets through: ARP, what has the request's number, and what a masquerade gave another one. The
 * rest is somebody else's who talks to the same address.
 */
export function ownPackets(packets: readonly PacketSeen[], spec: Pick<WatchSpec, 'port' | 'span'>): PacketSeen[] {
  const read = packets.map((packet) => ({ packet, frame: readFrame(Buffer.from(packet.frame, 'base64')) }))
  const own = read.flatMap(({ frame }) => (frame?.ip && hasNumber(frame.ip, spec) ? [frame.ip] : []))
  const masked = new Set<string>()
  for (const { frame } of read)
    if (frame?.ip && own.some((one) => isSame(frame.ip as Ip, one))) masked.add(both(frame.ip))
  return read.filter(({ frame }) => isOwn(frame, spec, masked)).map(({ packet }) => packet)
}

function isOwn(frame: Frame | undefined, spec: Pick<WatchSpec, 'port' | 'span'>, masked: ReadonlySet<string>): boolean {
  if (!frame) return false
  return !frame.ip || hasNumber(frame.ip, spec) || masked.has(both(frame.ip))
}

/** The ends of a packet, whichever way it goes. */
function both(ip: Ip): string {
  const { src, dst, proto } = endsOf(ip)
  return `${proto} ${[src, dst].sort().join(' ')}`
}
