import type { Packet } from '../../kernel/nftables/packet.ts'
import type { Hop } from '../types.ts'
import type { Machine } from './machine.ts'
import type { Decider, Dice } from './rules.ts'
import type { Speaker } from './say.ts'
import type { Topology } from './topology.ts'
import type { Tracked } from './track.ts'

/** Where a packet's way ends, and how. */
export type End =
  | { readonly is: 'arrived' }
  /** Rules answer with a refusal: `tcp reset`, `icmp 3`. */
  | {
      readonly is: 'rejected'
      readonly with: string
      /** By the routing table (prohibit), which says so only so often. */
      readonly seldom?: true
    }
  | { readonly is: 'dropped' }
  /** Nobody has the address on the last wire. */
  | { readonly is: 'unanswered' }
  /** The table has no line for it. */
  | { readonly is: 'no way' }
  /** It has passed as many machines as it may, which the machine says (RFC 1812, 5.3.1). */
  | { readonly is: 'expired' }
  /** The machine does not forward, or its bridge does not send back where it came from: nobody says anything. */
  | { readonly is: 'silent' }

export interface Carried {
  readonly hops: readonly Hop[]
  readonly end: End
  /** Where it ended, and as what. */
  readonly machine: Machine
  readonly packet: Packet
  /** Out of how many endpoints one was drawn. */
  readonly of: number
  /** Refused on the bridge, on its way out of this pod's cable. */
  readonly bridged?: Machine
}

export interface Carriage {
  readonly topology: Topology
  readonly speaker: Speaker
  readonly dice: Dice
  readonly tracked: Tracked
  /** It is the answer: what was translated is put back. */
  readonly back: boolean
}

/** Nothing was put in the place of its destination. */
export function isUntranslated(one: Packet, other: Packet): boolean {
  return one.destination === other.destination && one.destinationPort === other.destinationPort
}

/** What one machine remembers of a packet does not go with it to the next. */
export function onWire(packet: Packet): Packet {
  const { source, sourcePort, destination, destinationPort, protocol, state, instead, icmp, tcpFlags } = packet
  const ends = { source, sourcePort, destination, destinationPort }
  return {
    ...ends,
    protocol,
    ...(state && { state }),
    ...(instead && { instead }),
    ...(icmp && { icmp }),
    ...(tcpFlags !== undefined && { tcpFlags }),
  }
}

/** What the rules of one hook let through, or its end. */
export type Passed = { readonly packet: Packet; readonly by?: Decider } | { readonly ended: Carried }
