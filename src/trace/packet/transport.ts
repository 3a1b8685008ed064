// TCP: RFC 9293, 3.1. UDP: RFC 768. ICMP: RFC 792, RFC 1191; ICMPv6: RFC 4443. SCTP: sctp.ts. Offsets in bytes.
import { readSctp, type Sctp } from './sctp.ts'

const tcp = { source: 0, destination: 2, sequence: 4, acknowledgement: 8, offset: 12, flags: 13, size: 20 } as const
const udp = { source: 0, destination: 2, length: 4, size: 8 } as const
const icmp = { type: 0, code: 1, id: 4, sequence: 6, mtu: 6, mtu6: 4, size: 8 } as const

export const TCP = 6
export const UDP = 17
export const ICMP = 1
export const ICMPV6 = 58
export const SCTP = 132

export interface Tcp {
  readonly kind: 'tcp'
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence: number
  readonly acknowledgement: number
  readonly syn: boolean
  readonly ack: boolean
  readonly rst: boolean
  readonly fin: boolean
}

export interface Udp {
  readonly kind: 'udp'
  readonly sourcePort: number
  readonly destinationPort: number
  /** As far as it was captured. */
  readonly payload: Uint8Array
}

export interface Icmp {
  readonly kind: 'icmp'
  readonly type: number
  readonly code: number
  /** Of an echo request or reply. */
  readonly id: number
  readonly sequence: number
  /** Of an echo request or reply: what it carries, as far as it was captured. */
  readonly payload: Uint8Array | undefined
  /** Of "fragmentation needed" (IPv4: type 3, code 4; IPv6: type 2): the largest packet that the next link takes; 0 where an old router does not say. */
  readonly mtu: number | undefined
  /** Of an error: the start of the packet that it is about, from its IP header on. */
  readonly quote: Uint8Array | undefined
}

export type Transport = Tcp | Udp | Sctp | Icmp

/**
 * Reads what follows the IP header; undefined when it is none of these or too short.
 * An ICMP error quotes no more than the first eight bytes for sure: ports and TCP's sequence number, and no flags.
 */
export function readTransport(protocol: number, bytes: Uint8Array, quoted: boolean): Transport | undefined {
  switch (protocol) {
    case TCP:
      return readTcp(bytes, quoted)
    case UDP:
      return readUdp(bytes)
    case ICMP:
      return readIcmp(bytes, 4, quoted)
    case ICMPV6:
      return readIcmp(bytes, 6, quoted)
    case SCTP:
      return readSctp(bytes, quoted)
    default:
      return undefined
  }
}

function readTcp(bytes: Uint8Array, quoted: boolean): Tcp | undefined {
  if (bytes.length < (quoted ? 8 : tcp.size)) return undefined
  const view = viewOf(bytes)
  const flags = bytes[tcp.flags] ?? 0
  return {
    kind: 'tcp',
    sourcePort: view.getUint16(tcp.source),
    destinationPort: view.getUint16(tcp.destination),
    sequence: view.getUint32(tcp.sequence),
    acknowledgement: bytes.length >= tcp.offset ? view.getUint32(tcp.acknowledgement) : 0,
    fin: (flags & 1) !== 0,
    syn: (flags & 2) !== 0,
    rst: (flags & 4) !== 0,
    ack: (flags & 16) !== 0,
  }
}

function readUdp(bytes: Uint8Array): Udp | undefined {
  if (bytes.length < udp.size) return undefined
  const view = viewOf(bytes)
  return {
    kind: 'udp',
    sourcePort: view.getUint16(udp.source),
    destinationPort: view.getUint16(udp.destination),
    payload: bytes.subarray(udp.size, Math.max(udp.size, Math.min(bytes.length, view.getUint16(udp.length)))),
  }
}

const kinds = {
  4: { errors: new Set([3, 4, 5, 11, 12]), echoes: new Set([0, 8]) },
  6: { errors: new Set(Array.from({ length: 128 }, (_, type) => type)), echoes: new Set([128, 129]) },
}

function readIcmp(bytes: Uint8Array, family: 4 | 6, quoted: boolean): Icmp | undefined {
  if (bytes.length < icmp.size) return undefined
  const view = viewOf(bytes)
  const type = view.getUint8(icmp.type)
  const code = view.getUint8(icmp.code)
  const { errors, echoes } = kinds[family]
  const tooBig = family === 4 ? type === 3 && code === 4 : type === 2
  return {
    kind: 'icmp',
    type,
    code,
    id: view.getUint16(icmp.id),
    sequence: view.getUint16(icmp.sequence),
    payload: echoes.has(type) ? bytes.subarray(icmp.size) : undefined,
    mtu: tooBig ? (family === 4 ? view.getUint16(icmp.mtu) : view.getUint32(icmp.mtu6)) : undefined,
    // An error about an error is never sent (RFC 1122, 3.2.2): a quote within a quote is not read.
    quote: errors.has(type) && !quoted ? bytes.subarray(icmp.size) : undefined,
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
