import { type Address, addressFromBytes, type Family } from '../../base/address.ts'
import { readTransport, type Transport } from './transport.ts'

// IPv4: RFC 791, 3.1. IPv6: RFC 8200, 3 and 4. Offsets in bytes.
const v4 = { length: 2, id: 4, fragment: 6, ttl: 8, protocol: 9, source: 12, destination: 16, size: 20 } as const
const v6 = { payload: 4, next: 6, hops: 7, source: 8, destination: 24, size: 40 } as const
const DF = 0x4000
const offsetMask = 0x1fff
/** Extension headers that may stand before the transport header, each 8 + 8 * length bytes. More than this many is no honest packet. */
const extensions = new Set([0, 43, 60])
const maxExtensions = 8

export interface Ip {
  readonly family: Family
  readonly source: Address
  readonly destination: Address
  /** IANA protocol number: 6 is TCP. */
  readonly protocol: number
  readonly ttl: number
  /** IPv4's identification; 0 for IPv6. */
  readonly id: number
  readonly dontFragment: boolean
  /** Bytes of the whole packet as its header says; more than were captured, often. */
  readonly length: number
  /** Absent in all but the first fragment, and when the capture is too short to hold it. */
  readonly transport: Transport | undefined
}

/** Reads an IP packet from its first byte on; undefined when it is none. `quoted`: a part of one, as an ICMP error carries it. */
export function readIp(bytes: Uint8Array, quoted = false): Ip | undefined {
  const version = (bytes[0] ?? 0) >> 4
  if (version === 4) return readIpv4(bytes, quoted)
  if (version === 6) return readIpv6(bytes, quoted)
  return undefined
}

function readIpv4(bytes: Uint8Array, quoted: boolean): Ip | undefined {
  const header = ((bytes[0] ?? 0) & 15) * 4
  if (header < v4.size || bytes.length < header) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const length = view.getUint16(v4.length)
  const fragment = view.getUint16(v4.fragment)
  const protocol = view.getUint8(v4.protocol)
  // Ethernet pads short frames: what lies behind the packet's own length is not part of it. Length 0 means "left to the card" (TSO).
  const end = length >= header && !quoted ? Math.min(length, bytes.length) : bytes.length
  return {
    family: 4,
    source: addressFromBytes(bytes.subarray(v4.source, v4.source + 4)),
    destination: addressFromBytes(bytes.subarray(v4.destination, v4.destination + 4)),
    protocol,
    ttl: view.getUint8(v4.ttl),
    id: view.getUint16(v4.id),
    dontFragment: (fragment & DF) !== 0,
    length,
    transport: (fragment & offsetMask) === 0 ? readTransport(protocol, bytes.subarray(header, end), quoted) : undefined,
  }
}

function readIpv6(bytes: Uint8Array, quoted: boolean): Ip | undefined {
  if (bytes.length < v6.size) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const length = v6.size + view.getUint16(v6.payload)
  const end = quoted ? bytes.length : Math.min(length, bytes.length)
  let protocol = view.getUint8(v6.next)
  let at: number = v6.size
  for (let seen = 0; extensions.has(protocol) && seen < maxExtensions && at + 8 <= end; seen++) {
    protocol = view.getUint8(at)
    at += 8 + 8 * view.getUint8(at + 1)
  }
  return {
    family: 6,
    source: addressFromBytes(bytes.subarray(v6.source, v6.source + 16)),
    destination: addressFromBytes(bytes.subarray(v6.destination, v6.destination + 16)),
    protocol,
    ttl: view.getUint8(v6.hops),
    id: 0,
    dontFragment: true,
    length,
    transport: at <= end ? readTransport(protocol, bytes.subarray(at, end), quoted) : undefined,
  }
}
