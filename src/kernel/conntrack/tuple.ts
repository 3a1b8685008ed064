import { type Address, addressBytes, addressFromBytes, family } from '../../base/address.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { be16, locateIn, malformed, type Places, placeOf, placesFor, u8 } from './attributes.ts'

// linux/netfilter/nfnetlink_conntrack.h: enum ctattr_tuple, ctattr_ip, ctattr_l4proto.
export const CTA_TUPLE = { IP: 1, PROTO: 2, ZONE: 3 } as const
const CTA_IP = { V4_SRC: 1, V4_DST: 2, V6_SRC: 3, V6_DST: 4 } as const
export const CTA_PROTO = { NUM: 1, SRC_PORT: 2, DST_PORT: 3 } as const
const ICMP = { ID: 4, TYPE: 5, CODE: 6 } as const
const ICMPV6 = { ID: 7, TYPE: 8, CODE: 9 } as const
const IPPROTO_ICMP = 1
const IPPROTO_ICMPV6 = 58

/** One direction of a connection, as its packets name it. */
export interface Tuple {
  readonly source: Address
  readonly destination: Address
  /** 0 for protocols without ports. */
  readonly sourcePort: number
  readonly destinationPort: number
  readonly icmp?: { readonly id: number; readonly type: number; readonly code: number }
  /** Set when this direction alone is in a conntrack zone. */
  readonly zone?: number
}

const inTuple = placesFor(CTA_TUPLE.ZONE)
const inIp = placesFor(CTA_IP.V6_DST)
const inProto = placesFor(ICMPV6.CODE)

/** Finds the parts of a tuple for the functions below, until the next call. `false` when it is not there. */
export function enterTuple(view: DataView, outer: Places, type: number): boolean {
  if (!locateIn(view, outer, type, inTuple)) return false
  locateIn(view, inTuple, CTA_TUPLE.IP, inIp)
  locateIn(view, inTuple, CTA_TUPLE.PROTO, inProto)
  return true
}

export function protocolHere(view: DataView): number {
  const protocol = u8(view, inProto, CTA_PROTO.NUM)
  if (protocol === undefined) throw malformed('a tuple without a protocol')
  return protocol
}

export function destinationPortHere(view: DataView): number {
  return be16(view, inProto, CTA_PROTO.DST_PORT) ?? 0
}

/** Compared as bytes: making the text of an address takes longer than all the rest. */
export function isDestinationHere(view: DataView, bytes: Uint8Array): boolean {
  const at = placeOf(inIp, bytes.length === 4 ? CTA_IP.V4_DST : CTA_IP.V6_DST, bytes.length)
  if (at === 0) return false
  for (let i = 0; i < bytes.length; i++) if (view.getUint8(at + i) !== bytes[i]) return false
  return true
}

export function tupleHere(view: DataView): Tuple {
  const v4 = inIp[2 * CTA_IP.V4_SRC] !== 0
  // Assigned, not spread: that would double the time.
  const tuple: { -readonly [Key in keyof Tuple]: Tuple[Key] } = {
    source: addressHere(view, v4 ? CTA_IP.V4_SRC : CTA_IP.V6_SRC, v4 ? 4 : 16),
    destination: addressHere(view, v4 ? CTA_IP.V4_DST : CTA_IP.V6_DST, v4 ? 4 : 16),
    sourcePort: be16(view, inProto, CTA_PROTO.SRC_PORT) ?? 0,
    destinationPort: destinationPortHere(view),
  }
  const zone = be16(view, inTuple, CTA_TUPLE.ZONE)
  const icmp = icmpHere(view, ICMP) ?? icmpHere(view, ICMPV6)
  if (icmp) tuple.icmp = icmp
  if (zone !== undefined) tuple.zone = zone
  return tuple
}

function addressHere(view: DataView, type: number, size: 4 | 16): Address {
  const at = placeOf(inIp, type, size)
  if (at === 0) throw malformed('a tuple without an address')
  const bytes = size === 4 ? four : sixteen
  for (let i = 0; i < size; i++) bytes[i] = view.getUint8(at + i)
  return addressFromBytes(bytes)
}

const four = new Uint8Array(4)
const sixteen = new Uint8Array(16)

function icmpHere(view: DataView, types: typeof ICMP | typeof ICMPV6): Tuple['icmp'] {
  const id = be16(view, inProto, types.ID)
  if (id === undefined) return undefined
  return { id, type: u8(view, inProto, types.TYPE) ?? 0, code: u8(view, inProto, types.CODE) ?? 0 }
}

export function writeTuple(writer: MessageWriter, type: number, protocol: number, tuple: Tuple): void {
  writer.nest(type, () => {
    writer.nest(CTA_TUPLE.IP, () => {
      const v4 = family(tuple.source) === 4
      writer.attribute(v4 ? CTA_IP.V4_SRC : CTA_IP.V6_SRC, addressBytes(tuple.source))
      writeDestination(writer, tuple.destination)
    })
    writer.nest(CTA_TUPLE.PROTO, () => {
      writer.u8(CTA_PROTO.NUM, protocol)
      if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) return writeIcmp(writer, protocol, tuple.icmp)
      writer.be16(CTA_PROTO.SRC_PORT, tuple.sourcePort)
      writer.be16(CTA_PROTO.DST_PORT, tuple.destinationPort)
    })
    if (tuple.zone !== undefined) writer.be16(CTA_TUPLE.ZONE, tuple.zone)
  })
}

export function writeDestination(writer: MessageWriter, destination: Address): void {
  writer.attribute(family(destination) === 4 ? CTA_IP.V4_DST : CTA_IP.V6_DST, addressBytes(destination))
}

function writeIcmp(writer: MessageWriter, protocol: number, icmp: Tuple['icmp']): void {
  const types = protocol === IPPROTO_ICMP ? ICMP : ICMPV6
  writer.be16(types.ID, icmp?.id ?? 0)
  writer.u8(types.TYPE, icmp?.type ?? 0)
  writer.u8(types.CODE, icmp?.code ?? 0)
}
