import { type Address, addressBytes, addressFromBytes } from '../../src/base/address.ts'
import { protocols } from '../../src/proxy/layout/keys.ts'

/** The first packet of a connection, or what is left of it when it arrives. */
export interface Flight {
  readonly from: Address
  readonly sourcePort: number
  readonly to: Address
  readonly port: number
  readonly protocol: keyof typeof protocols
  /** Stays the same whatever is translated on the way: TCP's sequence number, SCTP's initiate tag, a datagram's content. */
  readonly id: number
}

/** What a packet that arrives tells of one that was sent. */
export type Sign =
  | { readonly is: 'arrival'; readonly flight: Flight }
  | { readonly is: 'reset'; readonly id: number }
  | { readonly is: 'unreachable'; readonly id: number; readonly code: number }

const icmp = 1
const synFlag = 2
const rstFlag = 4
const ackFlag = 16

/** IPv4 with a TCP SYN, an SCTP INIT or a datagram in it. The kernel fills in the IP header's length and checksum. */
export function write(flight: Flight): Uint8Array {
  const transport = { TCP: writeSyn, UDP: writeDatagram, SCTP: writeInit }[flight.protocol](flight)
  const packet = new Uint8Array(20 + transport.length)
  packet.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocols[flight.protocol]])
  packet.set(addressBytes(flight.from), 12)
  packet.set(addressBytes(flight.to), 16)
  packet.set(transport, 20)
  return packet
}

/** undefined for what is neither an arrival nor a refusal. */
export function read(packet: Uint8Array): Sign | undefined {
  const { protocol, from, to, body } = headerOf(packet)
  if (body.byteLength < 8) return undefined
  if (protocol === icmp) {
    // It quotes the packet that it refuses.
    if (body.getUint8(0) !== 3) return undefined
    const quoted = new Uint8Array(body.buffer, body.byteOffset + 8, body.byteLength - 8)
    const id = quoted.length < 28 ? undefined : idOf(headerOf(quoted))
    return id === undefined ? undefined : { is: 'unreachable', id, code: body.getUint8(1) }
  }
  if (protocol === protocols.TCP && (body.getUint8(13) & rstFlag) !== 0)
    return { is: 'reset', id: (body.getUint32(8) - 1) >>> 0 }
  if (protocol === protocols.TCP && (body.getUint8(13) & (synFlag | ackFlag)) !== synFlag) return undefined
  const id = idOf({ protocol, body })
  const name = (['TCP', 'UDP', 'SCTP'] as const).find((each) => protocols[each] === protocol)
  if (id === undefined || name === undefined) return undefined
  const flight: Flight = { from, sourcePort: body.getUint16(0), to, port: body.getUint16(2), protocol: name, id }
  return { is: 'arrival', flight }
}

interface Header {
  readonly protocol: number
  readonly from: Address
  readonly to: Address
  readonly body: DataView
}

function headerOf(packet: Uint8Array): Header {
  const length = ((packet[0] ?? 0) & 15) * 4
  return {
    protocol: packet[9] ?? 0,
    from: addressFromBytes(packet.subarray(12, 16)),
    to: addressFromBytes(packet.subarray(16, 20)),
    body: new DataView(packet.buffer, packet.byteOffset + length, packet.length - length),
  }
}

function idOf({ protocol, body }: Pick<Header, 'protocol' | 'body'>): number | undefined {
  const at = protocol === protocols.TCP ? 4 : protocol === protocols.UDP ? 8 : 16
  return body.byteLength < at + 4 ? undefined : body.getUint32(at)
}

/** RFC 9293, 3.1. */
function writeSyn({ from, to, sourcePort, port, id }: Flight): Uint8Array {
  const segment = new Uint8Array(20)
  const view = new DataView(segment.buffer)
  view.setUint16(0, sourcePort)
  view.setUint16(2, port)
  view.setUint32(4, id)
  view.setUint16(12, (5 << 12) | synFlag)
  view.setUint16(14, 0xffff)
  const pseudo = [...addressBytes(from), ...addressBytes(to), 0, protocols.TCP, 0, segment.length]
  view.setUint16(16, onesComplement(Uint8Array.from([...pseudo, ...segment])))
  return segment
}

/** RFC 768. A checksum of zero is none. */
function writeDatagram({ sourcePort, port, id }: Flight): Uint8Array {
  const datagram = new Uint8Array(12)
  const view = new DataView(datagram.buffer)
  view.setUint16(0, sourcePort)
  view.setUint16(2, port)
  view.setUint16(4, datagram.length)
  view.setUint32(8, id)
  return datagram
}

/** RFC 9260: the common header (3.1) and an INIT chunk (3.3.2). */
function writeInit({ sourcePort, port, id }: Flight): Uint8Array {
  const packet = new Uint8Array(32)
  const view = new DataView(packet.buffer)
  view.setUint16(0, sourcePort)
  view.setUint16(2, port)
  view.setUint8(12, 1)
  view.setUint16(14, 20)
  view.setUint32(16, id)
  view.setUint32(20, 65_536)
  view.setUint16(24, 1)
  view.setUint16(26, 1)
  view.setUint32(28, id)
  view.setUint32(8, crc32c(packet), true)
  return packet
}

/** RFC 1071. */
function onesComplement(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** Castagnoli's polynomial, lowest bit first (RFC 9260, appendix A). */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
