import { type Address, addressBytes, family } from '../../base/address.ts'

/** The first packet of a connection, or a later one, as rules see it. */
export interface Packet {
  readonly source: Address
  readonly destination: Address
  /** IANA's number: 6 is TCP. */
  readonly protocol: number
  readonly sourcePort: number
  readonly destinationPort: number
  readonly mark?: number
  readonly iifname?: string
  readonly oifname?: string
  /** Default `new`. */
  readonly state?: 'new' | 'established' | 'related' | 'invalid' | 'untracked'
  /** Where the connection's first packet was sent to, before any translation; the packet's own by default. */
  readonly original?: { readonly destination: Address; readonly destinationPort: number }
  /** Translations so far: bits of ct status. */
  readonly status?: number
  /** Sent by the node itself: it comes, or came, by the hook output. */
  readonly byNode?: boolean
  /** Of an ICMP error: the ends of the answer in whose place it comes. By what it quotes conntrack knows its connection. */
  readonly instead?: PacketEnds
  /** Of ICMP. Default: 0 and 0, an echo reply. */
  readonly icmp?: { readonly type: number; readonly code: number }
  /** Of TCP: the header's byte of flags. Default: none is set. */
  readonly tcpFlags?: number
}

export type PacketEnds = Pick<Packet, 'source' | 'sourcePort' | 'destination' | 'destinationPort'>

/** IPv4 or IPv6 without options; what rules load from. */
export function networkHeader(packet: Packet): Uint8Array {
  const [source, destination] = [addressBytes(packet.source), addressBytes(packet.destination)]
  if (family(packet.destination) === 4) {
    const header = new Uint8Array(20)
    header.set([0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, packet.protocol])
    header.set(source, 12)
    header.set(destination, 16)
    return header
  }
  const header = new Uint8Array(40)
  header.set([0x60, 0, 0, 0, 0, 20, packet.protocol, 64])
  header.set(source, 8)
  header.set(destination, 24)
  return header
}

/** Ports and TCP's flags (RFC 9293, 3.1), or ICMP's type and code (RFC 792), and zeros where nobody knows. */
export function transportHeader({ icmp, tcpFlags = 0, sourcePort, destinationPort }: Packet): Uint8Array {
  const header = new Uint8Array(20)
  if (icmp) {
    header.set([icmp.type, icmp.code])
    return header
  }
  const view = new DataView(header.buffer)
  view.setUint16(0, sourcePort)
  view.setUint16(2, destinationPort)
  if (tcpFlags !== 0) header.set([5 << 4, tcpFlags], 12)
  return header
}
