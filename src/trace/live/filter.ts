import type { Instruction } from '../../kernel/bpf.ts'
import { AND, JEQ, JSET, LD_B, LD_B_X, LD_H, LD_H_X, LD_W, LD_W_X, LDX_IP, RET, SUB } from '../../kernel/bpf-code.ts'
import { assemble, ethernet, type Line as ProgramLine, wordOf } from '../observe/assemble.ts'
import { ARP, IPV4 } from '../packet/frame.ts'
import { ABORT, INIT, INIT_ACK } from '../packet/sctp.ts'
import { ICMP, SCTP, TCP, UDP } from '../packet/transport.ts'
import type { Transport } from '../types.ts'
import type { LiveSpec } from './spec.ts'

// Classic BPF over Ethernet frames, as in ../observe/filter.ts, but for traffic that is not ours: between one client (or who it is
// masqueraded as) and those whom it asks (or whom that is translated to), and only what begins, takes or refuses; errors about it; ARP
// about these addresses. Of many connections a part is kept: those whose number ends with so many zero bits. The number is one that no
// translation changes, so every place on the way keeps the same connections.

const source = ethernet + 12
const destination = ethernet + 16
/** An ICMP error carries the packet that it is about behind its own eight bytes. */
const quote = ethernet + 8

type Label =
  | 'arp'
  | 'ip'
  | 'error'
  | 'about'
  | 'transport'
  | 'no'
  | 'mine'
  | 'from'
  | 'to'
  | 'there'
  | 'lost'
  | 'back'
  | 'for'
  | 'of'
  | 'answer'
  | 'end'
type Line = ProgramLine<Label>

export interface Reach {
  /** So many low bits of a connection's number must be zero: one in 2^bits is followed. */
  readonly bits: number
  /** Bytes that are kept of a packet. */
  readonly snap: number
}

/** What a watcher sees. */
export function liveFilter(spec: LiveSpec, { bits, snap }: Reach): Instruction[] {
  const { protocol } = spec
  const { clients, servers, ports } = sidesOf(spec)
  const every = bits === 0 || spec.whole
  const sample = (number: readonly Line[], otherwise: Label): Line[] =>
    every ? [] : [...number, [AND, 2 ** bits - 1], [JEQ, 0, undefined, otherwise]]
  const { there, back } = connectionNumbers[protocol]
  return assemble<Label>([
    [LD_H, 12],
    [JEQ, ARP, undefined, 'ip'],
    // Who asks, and for whom.
    ...oneOf([LD_W, ethernet + 14], [...clients, ...servers], 'arp'),
    ...oneOf([LD_W, ethernet + 24], [...clients, ...servers], 'arp'),
    [RET, 0],
    'arp',
    [RET, snap],
    'ip',
    ...firstFragments('no'),
    [JEQ, ICMP, undefined, 'transport'],
    [LD_B_X, ethernet],
    // Destination unreachable, time exceeded, parameter problem.
    ...[3, 11, 12].map((type): Line => [JEQ, type, 'error', undefined]),
    ...(protocol === 'icmp' ? [8, 0] : []).map((type): Line => [JEQ, type, 'mine', undefined]),
    [RET, 0],
    'error',
    [LD_B_X, quote + 9],
    [JEQ, numbers[protocol], undefined, 'no'],
    ...oneOf([LD_W_X, quote + 12], clients, 'about', 'no'),
    'about',
    [RET, snap],
    'transport',
    ...(spec.whole ? [[JEQ, numbers[protocol], 'mine', 'no'] as Line] : beginnings[protocol]),
    'no',
    [RET, 0],
    'mine',
    ...oneOf([LD_W, source], clients, 'from', 'back'),
    'from',
    ...oneOf([LD_W, destination], servers, 'to', 'back'),
    'to',
    ...oneOf([LD_H_X, ethernet + 2], ports, 'there', 'back'),
    'there',
    ...sample(there, 'lost'),
    [RET, snap],
    'lost',
    [RET, 0],
    'back',
    ...oneOf([LD_W, destination], clients, 'for', 'end'),
    'for',
    ...oneOf([LD_W, source], servers, 'of', 'end'),
    'of',
    ...oneOf([LD_H_X, ethernet], ports, 'answer', 'end'),
    'answer',
    ...sample(back, 'end'),
    [RET, snap],
    'end',
    [RET, 0],
  ])
}

/** What is counted where the client is: all connections that begin, or all datagrams. */
export function countFilter(spec: LiveSpec): Instruction[] {
  const { protocol } = spec
  const { clients } = sidesOf(spec)
  const { servers, ports } = sidesOf({ ...spec, behind: [], wide: [] })
  const begins: Record<Transport, readonly Line[]> = {
    tcp: [
      [LD_B_X, ethernet + 13],
      [AND, SYN | ACK],
      [JEQ, SYN, undefined, 'no'],
    ],
    udp: [],
    sctp: [
      [LD_B_X, ethernet + 12],
      [JEQ, INIT, undefined, 'no'],
    ],
    icmp: [
      [LD_B_X, ethernet],
      [JEQ, 8, undefined, 'no'],
    ],
  }
  return assemble<Label>([
    [LD_H, 12],
    ...firstFragments('no'),
    [JEQ, numbers[protocol], undefined, 'no'],
    ...begins[protocol],
    ...oneOf([LD_W, source], clients.slice(0, 1), 'from', 'no'),
    'from',
    ...oneOf([LD_W, destination], servers, 'to', 'no'),
    'to',
    ...oneOf([LD_H_X, ethernet + 2], ports, 'there', 'no'),
    'there',
    [RET, 1],
    'no',
    [RET, 0],
  ])
}

/** The numbers by which filters and rules know what is watched. */
export function sidesOf({ from, asked, behind, wide, protocol }: LiveSpec): {
  clients: number[]
  /** Empty: any. */
  servers: number[]
  /** Empty: the protocol has none. */
  ports: number[]
} {
  const ends = [...asked, ...behind]
  return {
    clients: [...new Set(from.map(wordOf))],
    servers: wide.length > 0 ? [] : [...new Set(ends.map(({ address }) => wordOf(address)))],
    ports: protocol === 'icmp' ? [] : [...new Set([...ends.map(({ port }) => port), ...wide])],
  }
}

export const numbers: Readonly<Record<Transport, number>> = { tcp: TCP, udp: UDP, sctp: SCTP, icmp: ICMP }
export const SYN = 0x02
const RST = 0x04
export const ACK = 0x10

/** Expects the protocol in A. Packets that begin something, take it or refuse it. */
const beginnings: Readonly<Record<Transport, readonly Line[]>> = {
  tcp: [
    [JEQ, TCP, undefined, 'no'],
    [LD_B_X, ethernet + 13],
    [JSET, SYN | RST, 'mine', 'no'],
  ],
  udp: [[JEQ, UDP, 'mine', 'no']],
  sctp: [
    [JEQ, SCTP, undefined, 'no'],
    [LD_B_X, ethernet + 12],
    [JEQ, INIT, 'mine', undefined],
    [JEQ, INIT_ACK, 'mine', undefined],
    [JEQ, ABORT, 'mine', 'no'],
  ],
  icmp: [],
}

/** A connection's number, as its first packet and the answer to that carry it; identity.ts says the same of a packet. */
const connectionNumbers: Readonly<Record<Transport, { there: readonly Line[]; back: readonly Line[] }>> = {
  tcp: {
    there: [[LD_W_X, ethernet + 4]],
    back: [
      [LD_W_X, ethernet + 8],
      [SUB, 1],
    ],
  },
  udp: { there: [[LD_H_X, ethernet]], back: [[LD_H_X, ethernet + 2]] },
  sctp: { there: [[LD_W_X, ethernet + 16]], back: [[LD_W_X, ethernet + 4]] },
  icmp: { there: [[LD_H_X, ethernet + 6]], back: [[LD_H_X, ethernet + 6]] },
}

/** Expects the Ethernet type in A; leaves the protocol there, and the IP header's length in X. */
function firstFragments(otherwise: Label): Line[] {
  return [
    [JEQ, IPV4, undefined, otherwise],
    // All but the first fragment have no ports.
    [LD_H, ethernet + 6],
    [JSET, 0x1fff, otherwise, undefined],
    [LDX_IP, ethernet],
    [LD_B, ethernet + 9],
  ]
}

/** Goes on where the value is one of these; where none is named any is right, and the next line follows. */
function oneOf(load: Line, values: readonly number[], then: Label, otherwise?: Label): Line[] {
  if (values.length === 0) return []
  return [
    load,
    ...values.map((value, at): Line => [JEQ, value, then, at === values.length - 1 ? otherwise : undefined]),
  ]
}
