import type { Ip } from '../packet/ip.ts'

/** One packet before and behind a translation, or at two places: its ends may differ, and nothing else. */
export function isSamePacket(ip: Ip, other: Ip): boolean {
  const [one, two] = [ip.transport, other.transport]
  if (one?.kind === 'tcp' && two?.kind === 'tcp')
    return one.sequence === two.sequence && one.acknowledgement === two.acknowledgement && one.rst === two.rst
  if (one?.kind === 'sctp' && two?.kind === 'sctp')
    return one.verificationTag === two.verificationTag && one.chunk === two.chunk
  if (one?.kind === 'icmp' && two?.kind === 'icmp')
    // All echoes have the same number; only what they carry tells them apart.
    return (
      one.type === two.type &&
      one.code === two.code &&
      one.sequence === two.sequence &&
      sameStart(one.payload ?? none, two.payload ?? none) &&
      sameQuote(one.quote, two.quote)
    )
  return one?.kind === 'udp' && two?.kind === 'udp' && sameStart(one.payload, two.payload)
}

/**
 * Whether two ICMP errors are about one packet, of which nf_tables reports no more than twelve bytes: its length, identification, place
 * among fragments, time to live and protocol (RFC 791, 3.1). The checksum behind them changes with a translation.
 */
export function sameQuote(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (!one || !other) return one === other
  return Buffer.compare(one.subarray(quoted.from, quoted.to), other.subarray(quoted.from, quoted.to)) === 0
}

/** Whether the beginning of a quote, as in {@link sameQuote}, is that of a packet. */
export function sameHeader(quote: Uint8Array, { family, length, id, protocol }: Ip): boolean {
  if (family !== 4 || quote.length < quoted.to) return false
  const view = new DataView(quote.buffer, quote.byteOffset, quote.length)
  return view.getUint16(2) === length && view.getUint16(4) === id && view.getUint8(9) === protocol
}

const quoted = { from: 2, to: 10 } as const

function sameStart(one: Uint8Array, other: Uint8Array): boolean {
  const length = Math.min(one.length, other.length)
  return Buffer.compare(one.subarray(0, length), other.subarray(0, length)) === 0
}

const none = new Uint8Array()
