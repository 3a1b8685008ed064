import type { Address } from '../base/address.ts'

// What the kernel of one machine says, of itself and of its pods, as JSON: the answer of an agent's `GET /kubehop/facts`. Read-only and
// bounded; where something was left out or could not be read, the facts say so, because a missing line must not look like a clean machine.

/** Where facts are asked for on an agent: administrators of the cluster get them. */
export const factsPath = '/kubehop/facts'

export interface MachineFacts extends NetworkFacts {
  /** `node1`, or the router's name. */
  readonly node: string
  readonly kind: 'node' | 'router'
  /** When they were read: milliseconds since 1970. */
  readonly at: number
  /** Settings by their names under /proc/sys, `net.ipv4.ip_forward`; one that this kernel has not is missing. */
  readonly sysctls: Readonly<Record<string, string>>
  /** Every line of the bridges' tables that was learned or entered. */
  readonly forwarding: readonly ForwardingEntry[]
  readonly connections: ConnectionFacts
  /** Rules and counters that say how many packets the kernel threw away. Only those that are not 0. */
  readonly drops: readonly DropFact[]
  /** Pods that run here. */
  readonly pods: readonly PodFacts[]
  /** What could not be read, each a sentence. */
  readonly unread: readonly string[]
}

/** What a network namespace holds. */
export interface NetworkFacts {
  readonly links: readonly LinkFact[]
  readonly routes: readonly RouteEntry[]
  /** The ARP and NDP tables. */
  readonly neighbours: readonly NeighbourEntry[]
  /** Sockets that wait for connections or datagrams. */
  readonly sockets: readonly SocketFact[]
  /** Protocols about whose sockets this kernel tells nothing: that none is listed then says nothing. */
  readonly untold?: readonly string[]
}

export interface LinkFact {
  readonly name: string
  /** The kernel's kind (`bridge`, `veth`, `vxlan`); empty for hardware and `lo`. */
  readonly kind: string
  /** Bytes of the longest IP packet. */
  readonly mtu: number
  /** Administratively up. */
  readonly up: boolean
  /** Up, and the other end of the cable too. */
  readonly carrier: boolean
  /** With their range: `100.96.1.2/24`. */
  readonly addresses: readonly string[]
  readonly mac?: string
  /** The bridge that it is a port of. */
  readonly bridge?: string
  /** A port of a bridge: may a frame leave by the port it came in by? */
  readonly hairpin?: boolean
  /** A port of a bridge: frames pass (its STP state is "forwarding"). */
  readonly forwarding?: boolean
  /** On a node: the pod at the other end of the cable, as `namespace/name`. */
  readonly pod?: string
}

/** An entry of the main routing table. */
export interface RouteEntry {
  /** `100.96.2.0/24`; `default` for all the rest. */
  readonly to: string
  readonly kind: string
  readonly via?: Address
  readonly device?: string
  /** Bytes, where the route has a limit of its own. */
  readonly mtu?: number
}

export interface NeighbourEntry {
  readonly address: Address
  readonly device: string
  readonly mac?: string
  /** `reachable`, `stale`, `failed`, ... */
  readonly state: string
}

/** This Ethernet address is behind that port. */
export interface ForwardingEntry {
  readonly mac: string
  readonly port: string
  readonly bridge?: string
  /** VXLAN: the machine behind which it is. */
  readonly remote?: Address
}

export interface SocketFact {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly address: Address
  readonly port: number
  /** `::` and IPv6 alone (IPV6_V6ONLY); otherwise `::` takes IPv4 too. */
  readonly only6?: true
  readonly pid?: number
  /** The name by which its process was started. */
  readonly process?: string
  /** Of a machine's socket: the pod with hostNetwork that its process belongs to, `namespace/name`. */
  readonly pod?: string
  /** The container that its process belongs to. */
  readonly container?: string
  /** TCP: connections that the kernel has taken and the program has not, and how many there may be. A full queue answers no SYN. */
  readonly waiting?: number
  readonly backlog?: number
}

/**
 * The connection table, as far as it concerns services (entries whose destination was translated, or is an address for services), and
 * entries that nobody has answered yet.
 */
export interface ConnectionFacts {
  /** Entries in the whole table, and how many there may be (net.netfilter.nf_conntrack_max). */
  readonly count: number
  readonly max?: number
  /** Most connections first. */
  readonly groups: readonly ConnectionGroup[]
  /** True when there are more groups than are told. */
  readonly truncated: boolean
}

/** Connections to one address and port that one endpoint serves: what a service's balance is seen by. */
export interface ConnectionGroup {
  readonly protocol: 'tcp' | 'udp' | 'sctp' | 'icmp'
  /** Whom the clients asked: the destination of the original direction. */
  readonly address: Address
  readonly port: number
  /** Who serves: the source of the reply direction. The same as the destination when nothing was translated. */
  readonly endpoint: Address
  readonly endpointPort: number
  readonly count: number
  /** TCP: those in state ESTABLISHED. UDP: those that were answered. */
  readonly established: number
  /** Those that nobody has answered yet. */
  readonly unanswered: number
  /** How many different senders. */
  readonly clients: number
  /** Of both directions, where the kernel counts (net.netfilter.nf_conntrack_acct). */
  readonly packets?: number
  readonly bytes?: number
  /** Seconds since the first one began, where the kernel remembers (net.netfilter.nf_conntrack_timestamp). */
  readonly oldestSeconds?: number
  /** The three that were used last. */
  readonly samples: readonly ConnectionFact[]
}

/** One entry. Tuples in the kernel's manner: `100.96.1.2:41000 > 100.64.0.5:80`. */
export interface ConnectionFact {
  readonly original: string
  readonly reply: string
  /** TCP: `ESTABLISHED`, `TIME_WAIT`, ... */
  readonly state?: string
  readonly answered: boolean
  /** Until it is forgotten, if no packet comes. */
  readonly timeoutSeconds?: number
  readonly ageSeconds?: number
  readonly packets?: number
  readonly bytes?: number
}

export interface DropFact {
  /** `kubehop: no service has this address`, `ListenOverflows`. */
  readonly what: string
  readonly packets: number
}

export interface PodFacts extends NetworkFacts {
  /** `namespace/name`. */
  readonly pod: string
  readonly uid: string
  /** It has the machine's network: links and the like are the machine's and not told again; sockets are those of its own processes. */
  readonly hostNetwork?: true
  /** The node's end of its cable. */
  readonly hostDevice?: string
  /** Connections that its programs began and that nobody has answered yet (SYN_SENT), where a neighbour did not answer; at most 64. */
  readonly dialling?: readonly DiallingFact[]
  /** Its /etc/resolv.conf. */
  readonly resolvConf?: string
  readonly containers: readonly ContainerFact[]
}

export interface DiallingFact {
  /** `100.96.1.2:41000` */
  readonly from: string
  readonly to: Address
  readonly port: number
  readonly pid?: number
  readonly process?: string
  readonly container?: string
}

export interface ContainerFact {
  readonly name: string
  /** Of its first process; absent while it does not run. */
  readonly pid?: number
  /** The last lines that its last instance printed, while none runs: where programs say why. */
  readonly lastWords?: string
}
