import { type Address, family } from '../../base/address.ts'
import type { Instruction } from '../../kernel/bpf.ts'
import { JEQ, JGE, JGT, JSET, LD_B, LD_B_X, LD_H, LD_H_X, LD_W, LDX_IP, RET } from '../../kernel/bpf-code.ts'
import { ARP, IPV4 } from '../packet/frame.ts'
import { ABORT, INIT, INIT_ACK } from '../packet/sctp.ts'
import { ICMP, SCTP, TCP, UDP } from '../packet/transport.ts'
import { assemble, ethernet, type Line as ProgramLine, wordOf } from './assemble.ts'
import type { WatchSpec } from './spec.ts'

// A classic BPF program (linux/filter.h) over Ethernet frames, so that the kernel copies only what can belong to the request:
// ARP; ICMP errors; packets with the request's port on either side (an echo's identifier); and, because a masqueraded packet has
// another port, the first packets (TCP, SCTP) or all packets (UDP, echoes) from and to the addresses concerned. It is wider than the
// flow; flow.ts decides.

/** Headers and the start of a datagram; more is of no use. */
export const snapLength = 256
export const wholeLength = 65_536

/** Bytes that are kept of a packet. */
export function snapOf({ whole = false }: Pick<WatchSpec, 'whole'>): number {
  return whole ? wholeLength : snapLength
}

/** Addresses that the filter names; a service with more endpoints than this is followed by its port alone. */
const maxAddresses = 64

export function filterFor(spec: WatchSpec): Instruction[] {
  const lines: Line[] = [
    [LD_H, 12],
    [JEQ, ARP, 'keep', undefined],
    [JEQ, IPV4, undefined, 'drop'],
    [LD_B, ethernet + 9],
    [JEQ, ICMP, 'icmp', undefined],
    ...(spec.protocol === 'icmp' ? [] : withPorts(spec.protocol, spec)),
    'drop',
    [RET, 0],
    'icmp',
    [LDX_IP, ethernet],
    [LD_B_X, ethernet],
    // Destination unreachable, redirect, time exceeded, parameter problem.
    ...[3, 5, 11, 12].map((type): Line => [JEQ, type, 'keep', undefined]),
    ...(spec.protocol === 'icmp' ? echoes(spec) : []),
    [RET, 0],
    'keep',
    [RET, snapOf(spec)],
  ]
  return assemble(lines)
}

/** Behind the last line it is not the request's. */
function withPorts(protocol: 'tcp' | 'udp' | 'sctp', spec: WatchSpec): Line[] {
  const firsts: Record<typeof protocol, Line[]> = {
    // Its flags.
    tcp: [
      [LD_B_X, ethernet + 13],
      [JSET, 0x06, undefined, 'drop'],
    ],
    udp: [],
    // Its first chunk.
    sctp: [
      [LD_B_X, ethernet + 12],
      [JEQ, INIT, 'first', undefined],
      [JEQ, INIT_ACK, 'first', undefined],
      [JEQ, ABORT, undefined, 'drop'],
      'first',
    ],
  }
  const several = (spec.span ?? 1) > 1
  return [
    [JEQ, { tcp: TCP, udp: UDP, sctp: SCTP }[protocol], undefined, 'drop'],
    // All but the first fragment have no ports.
    [LD_H, ethernet + 6],
    [JSET, 0x1fff, 'drop', undefined],
    [LDX_IP, ethernet],
    // Of many requests only what begins and what answers them is looked at.
    ...(several ? firsts[protocol] : []),
    [LD_H_X, ethernet],
    ...isOwn(spec, 'destination'),
    'destination',
    [LD_H_X, ethernet + 2],
    ...isOwn(spec, 'strange'),
    'strange',
    ...(several ? [] : firsts[protocol]),
    ...among(spec.addresses),
  ]
}

/** Behind the last line it is not the request's. Expects ICMP's type in A. */
function echoes(spec: WatchSpec): Line[] {
  return [
    [JEQ, 8, 'echo', undefined],
    [JEQ, 0, undefined, 'other'],
    'echo',
    [LD_H_X, ethernet + 4],
    ...isOwn(spec, 'strange'),
    'strange',
    ...among(spec.addresses),
    'other',
  ]
}

/** Keeps what has one of the request's ports in A. */
function isOwn({ port, span = 1 }: WatchSpec, otherwise: Label): Line[] {
  if (span === 1) return [[JEQ, port, 'keep', undefined]]
  return [
    [JGE, port, undefined, otherwise],
    [JGT, port + span - 1, undefined, 'keep'],
  ]
}

/** Keeps what is from or to one of these. */
function among(addresses: readonly Address[]): Line[] {
  const named = addresses.length <= maxAddresses ? addresses : []
  const words = named.filter((address) => family(address) === 4).map(wordOf)
  return [12, 16].flatMap((offset): Line[] => [
    [LD_W, ethernet + offset],
    ...words.map((word): Line => [JEQ, word, 'keep', undefined]),
  ])
}

type Label = 'drop' | 'keep' | 'icmp' | 'first' | 'destination' | 'strange' | 'echo' | 'other'
type Line = ProgramLine<Label>
