import { address, addressBytes } from '../../base/address.ts'

export interface FrameWish {
  readonly protocol?: number
  readonly from: string
  readonly to: string
  readonly sourcePort?: number
  readonly destinationPort?: number
  /** TCP. */
  readonly flags?: number
  readonly sequence?: number
  readonly acknowledgement?: number
  readonly fragment?: number
  /** ICMP. */
  readonly type?: number
  readonly payload?: Uint8Array
}

/** An Ethernet frame with an IPv4 packet, as far as filters and readers look. */
export function frameOf(wish: FrameWish): Uint8Array {
  const { protocol = 6, from, to, sourcePort = 0, destinationPort = 0, payload = new Uint8Array() } = wish
  const head = protocol === 6 ? 20 : 8
  const bytes = new Uint8Array(14 + 20 + head + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(12, 0x0800)
  bytes[14] = 0x45
  view.setUint16(16, bytes.length - 14)
  view.setUint16(20, wish.fragment ?? 0)
  bytes[22] = 64
  bytes[23] = protocol
  bytes.set(addressBytes(address(from)), 26)
  bytes.set(addressBytes(address(to)), 30)
  if (protocol === 1) {
    bytes[34] = wish.type ?? 8
    view.setUint16(40, wish.sequence ?? 0)
  } else {
    view.setUint16(34, sourcePort)
    view.setUint16(36, destinationPort)
  }
  if (protocol === 6) {
    view.setUint32(38, wish.sequence ?? 0)
    view.setUint32(42, wish.acknowledgement ?? 0)
    bytes[46] = 0x50
    bytes[47] = wish.flags ?? 0
  }
  if (protocol === 17) view.setUint16(38, 8 + payload.length)
  bytes.set(payload, 34 + head)
  return bytes
}
