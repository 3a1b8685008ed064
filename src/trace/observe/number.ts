import { type Ip, readIp } from '../packet/ip.ts'
import type { WatchSpec } from './spec.ts'

/** Whether a packet has the request's port on either side (an echo's identifier), or is an error about one that has. */
export function hasNumber({ transport }: Ip, { port, span = 1 }: Pick<WatchSpec, 'port' | 'span'>): boolean {
  const isOwn = (value: number): boolean => value >= port && value < port + span
  if (!transport) return false
  if (transport.kind !== 'icmp') return isOwn(transport.sourcePort) || isOwn(transport.destinationPort)
  if (!transport.quote) return isOwn(transport.id)
  const about = readIp(transport.quote, true)
  // One that was cut may be about anything.
  return about?.transport ? hasNumber(about, { port, span }) : true
}
