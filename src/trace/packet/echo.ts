import { ICMP, readTransport } from './transport.ts'

// RFC 792: type, code, checksum, identifier, sequence number, and whatever the sender likes.
const size = 8
const REQUEST = 8
const REPLY = 0

export function encodeEcho({
  id,
  sequence,
  payload,
}: {
  id: number
  sequence: number
  payload: Uint8Array
}): Uint8Array {
  const bytes = new Uint8Array(size + payload.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = REQUEST
  view.setUint16(4, id)
  view.setUint16(6, sequence)
  bytes.set(payload, size)
  view.setUint16(2, checksum(bytes))
  return bytes
}

/** What an echo reply carries; undefined for any other message. */
export function readEcho(bytes: Uint8Array): Uint8Array | undefined {
  const read = readTransport(ICMP, bytes, false)
  return read?.kind === 'icmp' && read.type === REPLY ? read.payload : undefined
}

/** RFC 1071: the complement of the sum of 16-bit words, carries added back. */
function checksum(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
