// SCTP: RFC 9260. The common header is section 3.1, chunks 3.2, INIT 3.3.2, ABORT 3.3.7. Offsets in bytes.
const common = { source: 0, destination: 2, tag: 4, checksum: 8, size: 12 } as const
const chunk = { type: 12, flags: 13, length: 14, size: 4 } as const
const init = { tag: 16, window: 20, outbound: 24, inbound: 26, sequence: 28, size: 32 } as const

export const INIT = 1
export const INIT_ACK = 2
export const ABORT = 6

export interface Sctp {
  readonly kind: 'sctp'
  readonly sourcePort: number
  readonly destinationPort: number
  /** What the receiver asked to find here: the initiate tag of its INIT or INIT ACK; 0 in an INIT. */
  readonly verificationTag: number
  /** The first chunk's; undefined when only a quote's eight bytes are there. */
  readonly chunk: number | undefined
  /** Of an INIT or INIT ACK. */
  readonly initiateTag: number | undefined
}

/** Reads an SCTP packet from its first byte on; undefined when it is too short. `quoted`: eight bytes are enough. */
export function readSctp(bytes: Uint8Array, quoted: boolean): Sctp | undefined {
  if (bytes.length < (quoted ? common.checksum : common.size)) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const type = bytes[chunk.type]
  const begins = (type === INIT || type === INIT_ACK) && bytes.length >= init.window
  return {
    kind: 'sctp',
    sourcePort: view.getUint16(common.source),
    destinationPort: view.getUint16(common.destination),
    verificationTag: view.getUint32(common.tag),
    chunk: type,
    initiateTag: begins ? view.getUint32(init.tag) : undefined,
  }
}

/** An INIT: "may I talk to you?", with one stream each way. `tag`: what every packet of an answer must carry; not 0. */
export function encodeInit({ from, to, tag }: { from: number; to: number; tag: number }): Uint8Array {
  const bytes = new Uint8Array(init.size)
  const view = new DataView(bytes.buffer)
  view.setUint16(common.source, from)
  view.setUint16(common.destination, to)
  view.setUint8(chunk.type, INIT)
  view.setUint16(chunk.length, init.size - common.size)
  view.setUint32(init.tag, tag)
  view.setUint32(init.window, 65_536)
  view.setUint16(init.outbound, 1)
  view.setUint16(init.inbound, 1)
  view.setUint32(init.sequence, tag)
  // Appendix A: the remainder goes out lowest byte first.
  view.setUint32(common.checksum, crc32c(bytes), true)
  return bytes
}

/** Castagnoli's polynomial, lowest bit first (RFC 9260, appendix A; RFC 3720, B.4 has examples). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
