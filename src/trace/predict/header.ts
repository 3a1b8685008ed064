import type { Packet } from '../../kernel/nftables/packet.ts'
import { protocolNumbers } from './path.ts'

// What rules can read of a packet that nobody has sent yet, besides its ends: RFC 792 (ICMP), RFC 9293 (TCP).

type Header = Pick<Packet, 'icmp' | 'tcpFlags'>

const SYN = 2
const RST = 4
const ACK = 16

/** Of a request's first packet. */
export function requestHeader(protocol: number): Header {
  if (protocol === protocolNumbers.icmp) return { icmp: { type: 8, code: 0 } }
  return protocol === protocolNumbers.tcp ? { tcpFlags: SYN } : {}
}

/** Of the first packet that answers it; `refuses`: a reset. */
export function answerHeader(protocol: number, refuses: boolean): Header {
  if (protocol === protocolNumbers.icmp) return { icmp: { type: 0, code: 0 } }
  return protocol === protocolNumbers.tcp ? { tcpFlags: (refuses ? RST : SYN) | ACK } : {}
}

/** Of an ICMP error: "destination unreachable" with this code, or another type. */
export function errorHeader(code: number, type = 3): Pick<Packet, 'icmp' | 'protocol'> {
  return { protocol: protocolNumbers.icmp, icmp: { type, code } }
}

/** A type of its own: the packet has passed as many machines as it may. */
export const timeExceeded = 11

/** Codes of "destination unreachable". */
export const unreachable = { net: 0, host: 1, protocol: 2, port: 3, prohibited: 13 } as const

/** Of a rule's refusal: `icmp 3`; `icmpx 1`, which is nf_tables' own number (linux/netfilter/nf_tables.h, nft_reject_inet_code). */
export function codeOf(how: string): number {
  const [, kind, number] = /^(icmpx?) (\d+)$/.exec(how) ?? []
  const code = Number(number ?? unreachable.port)
  return kind === 'icmpx' ? (inet[code] ?? unreachable.port) : code
}

const inet = [unreachable.net, unreachable.port, unreachable.host, unreachable.prohibited]
