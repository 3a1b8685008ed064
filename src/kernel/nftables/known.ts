import { addressBytes, family } from '../../base/address.ts'
import { ctState } from './expr/ct.ts'
import { type Fib, fibTypes } from './expr/fib.ts'
import { families } from './message.ts'
import type { World } from './machine.ts'
import { type Packed, pack, packBe16, packU32, packU8 } from './packed.ts'

// What is known of a packet that is not there, beside its headers. undefined: only a kernel that has the packet can tell.

export function metaValue(key: string, { family: of, packet, meta }: World): Packed | undefined {
  const name = (text: string | undefined): Packed | undefined =>
    text === undefined ? undefined : (text.slice(0, 15).padEnd(16, '\0') as Packed)
  switch (key) {
    case 'l4proto':
      return packU8(packet.protocol)
    case 'nfproto':
      return packU8(of === 'inet' ? families[family(packet.destination) === 4 ? 'ip' : 'ip6'] : families[of])
    case 'mark':
      return packU32(meta.mark)
    case 'iifname':
      return name(packet.iifname)
    case 'oifname':
      return name(packet.oifname)
    default:
      return undefined
  }
}

export function ctValue(key: string, direction: string | undefined, { packet }: World): Packed | undefined {
  // Only the direction that the connection began with is known: the answer's depends on what is chosen further on.
  if (direction === 'reply') return undefined
  const original = packet.original ?? packet
  switch (key) {
    case 'state':
      return packU32(ctState[packet.state ?? 'new'])
    case 'status':
      return packU32(packet.status ?? 0)
    case 'protocol':
      return packU8(packet.protocol)
    case 'src-ip':
    case 'src-ip6':
      return pack(addressBytes(packet.source))
    case 'dst-ip':
    case 'dst-ip6':
      return pack(addressBytes(original.destination))
    case 'proto-src':
      return packBe16(packet.sourcePort)
    case 'proto-dst':
      return packBe16(original.destinationPort)
    default:
      return undefined
  }
}

/** Of all addresses only the sender's is known to be the node's, or not. */
export function fibValue({ result, fields }: Fib, { packet }: World): Packed | undefined {
  if (result !== 'type' || fields.join() !== 'saddr') return undefined
  return packU32(fibTypes[packet.byNode ? 'local' : 'unicast'])
}
