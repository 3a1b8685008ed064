// The trace as people and programs get it: what `kubehop trace -o json` prints. Names follow Antrea's Traceflow where it has one.

export type Verdict =
  /** The other side took the connection (TCP), answered with a status (HTTP), or got the datagram (UDP). */
  | 'delivered'
  /** The packet reached its pod, and the pod's kernel said no: nothing listens on that port. */
  | 'refused'
  /** A node said no on purpose: the service has nobody behind it. */
  | 'rejected'
  /** A rule threw the packet away without a word. */
  | 'dropped'
  /** A router or node said that it knows no way there, or nobody has the address. */
  | 'unreachable'
  /** The packet does not fit through the path, and was not to be cut: somebody on the way said so. */
  | 'too-big'
  /** Nothing came back. */
  | 'no-answer'
  /** The name has no address: nothing was sent. */
  | 'name-not-found'
  /** Nothing was sent: the sender ended meanwhile, or its machine could not be asked to. */
  | 'not-sent'

/** What people ask for. */
export type Protocol = 'tcp' | 'udp' | 'sctp' | 'http' | 'https' | 'icmp' | 'dns'
/** What carries it: {@link Protocol} by `transportOf`. */
export type Transport = 'tcp' | 'udp' | 'sctp' | 'icmp'

export type Component = 'app' | 'pod' | 'veth' | 'bridge' | 'proxy' | 'route' | 'policy' | 'dns'
export type Action = 'sent' | 'forwarded' | 'translated' | 'delivered' | 'answered' | 'rejected' | 'dropped'

export interface Ends {
  /** `100.96.1.2:41000`; without a port where the protocol has none (ICMP). */
  readonly src: string
  readonly dst: string
  /** `tcp`, `udp`, `sctp`, `icmp` */
  readonly proto: string
}

/** What a decision rests on: the kernel's own words. */
export interface Because {
  readonly kind: 'packet' | 'rule' | 'route' | 'neighbour' | 'socket' | 'conntrack' | 'object'
  readonly text: string
}

export interface Hop {
  readonly node: string
  /** A pod's name, or the node's, or the router's. */
  readonly place: string
  readonly device: string
  readonly component: Component
  readonly action: Action
  readonly packet: Ends
  /** When the hop changed the packet. */
  readonly after?: Ends
  readonly because: Because
  /** Microseconds since the request was sent; absent in a prediction. */
  readonly us?: number
  readonly say: string
}

export interface DnsStep {
  readonly question: string
  readonly type: 'A' | 'AAAA'
  readonly server: string
  /** `NOERROR`, `NXDOMAIN`, ...; `TIMEOUT` when nothing came back, `UNREACHABLE` when a kernel said that nobody is there. */
  readonly rcode: string
  readonly answers: readonly string[]
  /** The pod that stood behind the server's address, where that was seen: `kube-system/dns-1, node2`; or `node1’s own`. */
  readonly by?: string
  /** Which part of the server answered, and from what, where the server says so: `cluster: service shop/web`. */
  readonly answeredBy?: string
  /** The answer did not fit into a datagram: what is missing was asked for again over TCP. */
  readonly truncated?: boolean
  /** By which it was asked; default: UDP. */
  readonly over?: 'tcp'
  readonly ms: number
}

/** A question that was foretold, and what was known of its answer beforehand. */
export interface DnsForetold {
  readonly question: string
  readonly type: 'A' | 'AAAA'
  readonly server: string
  /** As in {@link DnsStep}; absent where nobody could know: `say` tells why. */
  readonly rcode?: string
  readonly answers?: readonly string[]
  /** Others that cannot be excluded, because nobody knows whether a program answers. */
  readonly may?: readonly string[]
  readonly say?: string
}

/** No server's word: silence, or a kernel that says that nobody is there. */
export function unanswered({ rcode }: Pick<DnsStep, 'rcode'>): boolean {
  return rcode === 'TIMEOUT' || rcode === 'UNREACHABLE'
}

/** How long a look-up took: both kinds of address are asked for at once. */
export function lookUpMs(dns: readonly DnsStep[]): number {
  const turns = Map.groupBy(dns, ({ question, server, over }) => `${question} ${server} ${over ?? 'udp'}`)
  return [...turns.values()].reduce((sum, steps) => sum + Math.max(...steps.map(({ ms }) => ms)), 0)
}

export interface Why {
  readonly code: string
  readonly level: 'error' | 'warning' | 'info'
  readonly say: string
  readonly fix: string
  /** What `fix` has to be run on a node of a lab, as a line for a shell of this machine. */
  readonly command?: string
}

/** One of several that a service may choose. */
export interface PredictedEndpoint {
  /** `100.96.2.3:8080` */
  readonly address: string
  /** `namespace/name`, where it is a pod's. */
  readonly pod?: string
  readonly node?: string
}

/** Requests that ended in the same way, in the same place. */
export interface RepeatedOutcome {
  readonly verdict: Verdict
  /** Whom they were for where they were seen last; absent while that is a service. */
  readonly endpoint?: { readonly pod?: string; readonly node?: string; readonly address: string }
  readonly count: number
  /** The share that was to be expected (0 to 1), of requests that a service gives to one of its endpoints by chance. */
  readonly expected?: number
  readonly ms: { readonly min: number; readonly median: number; readonly p90: number; readonly max: number }
  /** The way of the first of them, where it is not the trace's own. */
  readonly hops?: readonly Hop[]
  readonly reply?: readonly Hop[]
}

/** The same request, sent again and again from other source ports. */
export interface Repeats {
  /** Requests that were sent, the first included. */
  readonly count: number
  /** How many were asked for, where the time did not suffice for all. */
  readonly asked?: number
  /** It was ended by hand. */
  readonly stopped?: true
  /** The most frequent first. */
  readonly outcomes: readonly RepeatedOutcome[]
}

/** What became of one packet that nobody may cut. */
export interface SizeTried {
  /** Of the whole IP packet. */
  readonly bytes: number
  readonly passed: boolean
  /** It was sent in pieces: the first device does not take so much. */
  readonly cut?: true
  /** Where it was seen last. */
  readonly at?: { readonly place: string; readonly device: string }
  /** The device that would have come next, where it vanished without a word. */
  readonly before?: SizeHop
  /** Who said that it does not fit; absent where nobody did: it vanished (a black hole). */
  readonly by?: string
  /** The largest packet that fits there, as they said. */
  readonly mtu?: number
  readonly say?: string
}

/** A device on the way, and the largest packet that it takes. */
export interface SizeHop {
  readonly place: string
  readonly device: string
  readonly mtu?: number
}

/** How large packets may be on the way there. */
export interface Sizes {
  /** The largest that arrived; absent where none did, or only one was asked for. */
  readonly largest?: number
  /** The largest first. */
  readonly tried: readonly SizeTried[]
  /** Every device that was passed. */
  readonly hops: readonly SizeHop[]
  /** What was sent, and to whom: `echo requests to pod far (100.96.2.2)`. */
  readonly say: string
}

export interface Trace {
  /** The pod as `namespace/name`, the node's name, or `outside`. */
  readonly from: string
  /** The one of the pod's containers that was named. */
  readonly container?: string
  readonly to: string
  readonly protocol: Protocol
  readonly verdict: Verdict
  /** `200 OK`, when the other side spoke HTTP. */
  readonly status?: string
  /** When the first packet left: RFC 3339, with microseconds. Absent when none was seen. */
  readonly at?: string
  /**
   * No name server answered, so that the request itself was not sent: verdict and hops are those of the question about its name, as it went to
   * this server.
   */
  readonly asked?: { readonly name: string; readonly server: string }
  /** From the first packet of the request (names not counted) to the answer, or to giving up. */
  readonly ms: number
  readonly dns: readonly DnsStep[]
  readonly hops: readonly Hop[]
  readonly reply: readonly Hop[]
  /** What objects and kernels foretold, and the same for the answer. */
  readonly predicted: readonly Hop[]
  readonly predictedReply?: readonly Hop[]
  /** The questions that the sender's search list and name servers lead to, where a name was looked up. */
  readonly predictedDns?: readonly DnsForetold[]
  /** The verdicts that were foretold: several where it depends on what cannot be known (does a program listen?), the likely one first. */
  readonly expected?: readonly Verdict[]
  /** Nothing was sent (`--dry-run`): `hops`, `reply` and `verdict` are the prediction, and no hop has a time. Absent: it was sent. */
  readonly observed?: false
  /** Of a prediction: the endpoints that may be chosen, where there are several. */
  readonly endpoints?: readonly PredictedEndpoint[]
  /** Of a prediction: what it rests on, and what it cannot say. */
  readonly notes?: readonly string[]
  /** With `--count`. */
  readonly repeats?: Repeats
  /** With `--size`. */
  readonly sizes?: Sizes
  readonly agrees: boolean
  readonly why: readonly Why[]
}
