import { randomBytes } from 'node:crypto'

/** The IPv4 header and the eight bytes that UDP and ICMP have. */
const headers = 28

/**
 * What a datagram or an echo request carries: it begins with random bytes, so that it can be told from all others wherever its start is
 * seen. `size`: bytes of the whole IP packet.
 */
export function payloadOf(size?: number): Buffer {
  const text = Buffer.from(`${randomBytes(8).toString('hex')} kubehop trace\n`)
  if (size === undefined) return text
  const payload = Buffer.alloc(Math.max(0, size - headers), '.')
  text.copy(payload)
  return payload
}
