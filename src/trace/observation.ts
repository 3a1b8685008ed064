import type { Address } from '../base/address.ts'
import type { LiveObservation } from './live/observation.ts'
import type { MachineState } from './predict/machine.ts'

// What a watcher reports, one JSON object a line. First what there is before anything is sent, then `ready`; the last is `end`.

export type PlaceKind = 'node' | 'pod' | 'router' | 'outside'

/** A network namespace that is watched. */
export interface Place {
  readonly kind: PlaceKind
  /** The machine it is on: `node1`, `router`. */
  readonly node: string
  /** The pod as `namespace/name`, or the machine. */
  readonly name: string
}

export type Observation =
  | StateSeen
  | Ready
  | PacketSeen
  | LocalPacket
  | RuleMet
  | Facts
  | Lost
  | Unwatched
  | LiveObservation
  | Ended

/** What decides at a place where packets go, before any is sent. */
export interface StateSeen {
  readonly kind: 'state'
  readonly place: Place
  readonly state: MachineState
}

/** Every watcher stands: what is sent from now on is seen. */
export interface Ready {
  readonly kind: 'ready'
}

export interface PacketSeen {
  readonly kind: 'packet'
  readonly place: Place
  readonly device: string
  readonly direction: 'in' | 'out'
  /** The kernel's time stamp: nanoseconds since 1970, in decimal. */
  readonly time: string
  /** The frame's first bytes, from the Ethernet header on, in base64. */
  readonly frame: string
  /** The frame's own length, where it is more than that. */
  readonly length?: number
}

/** A packet as a socket of the sending machine itself sends it, before any rule, or gets it, after all of them. */
export interface LocalPacket {
  readonly kind: 'local'
  readonly place: Place
  /** By which it is to leave, or came in. */
  readonly device: string
  readonly direction: 'in' | 'out'
  /** The IP packet's first bytes, in base64. */
  readonly bytes: string
}

/** One line of an nf_tables trace: the packet met a rule that decided, or the end of a chain. */
export interface RuleMet {
  readonly kind: 'rule'
  readonly place: Place
  /** The same for all that one packet met on its way through the machine. */
  readonly packet: number
  readonly table: string
  readonly chain: string
  /** `continue`, `accept`, `drop`, `reject`, `jump pick-3`, ... */
  readonly verdict: string
  /** The rule in nft's language; absent for a chain's policy or end. */
  readonly rule?: string
  /** The IP packet's first bytes as the chain met it, in base64; on the first line of each chain. */
  readonly bytes?: string
}

/** What the kernel of a place says about the addresses concerned, asked after the last packet. */
export interface Facts {
  readonly kind: 'facts'
  readonly place: Place
  readonly devices: readonly Device[]
  readonly addresses: readonly Address[]
  readonly routes: readonly RouteFact[]
  readonly neighbours: readonly NeighbourFact[]
  readonly forwarding: readonly ForwardingFact[]
  readonly listeners: readonly Listener[]
}

export interface Device {
  readonly name: string
  /** The kernel's kind (`bridge`, `veth`), or empty. */
  readonly kind: string
  /** The bridge that it is a port of. */
  readonly bridge?: string
  /** The largest packet that it takes, in bytes from the IP header on. */
  readonly mtu?: number
}

/** The answer to "which way would a packet to this address go?" */
export interface RouteFact {
  readonly to: Address
  /** The table's entry: `100.96.2.0/24`; `local` when the address is the place's own; absent when there is no way. */
  readonly entry?: string
  readonly kind?: string
  readonly via?: Address
  readonly device?: string
}

/** A line of the ARP table. */
export interface NeighbourFact {
  readonly address: Address
  readonly device: string
  readonly mac?: string
  readonly state: string
}

/** A line of a bridge's table: this Ethernet address is behind that port. */
export interface ForwardingFact {
  readonly mac: string
  readonly port: string
}

/** A socket that waits for connections or datagrams. */
export interface Listener {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly address: Address
  readonly port: number
  readonly pid?: number
  readonly process?: string
}

/** The kernel had to throw observations away. */
export interface Lost {
  readonly kind: 'lost'
  readonly place: Place
  readonly say: string
  /** It was packets: that an answer was not seen says nothing. */
  readonly packets?: true
}

/** A machine that could not be watched at all: nothing is known of what happened there. */
export interface Unwatched {
  readonly kind: 'unwatched'
  readonly node: string
  readonly say: string
}

export interface Ended {
  readonly kind: 'end'
}
