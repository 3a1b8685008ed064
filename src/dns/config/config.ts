import { type Address, address, type Cidr } from '../../base/address.ts'

/** Everything about a DNS server that people can set, checked. What each means to them, and its default, stands in docs/dns.md. */
export interface DnsConfig {
  /** Lower case, without a dot at the end: `cluster.local`. */
  readonly zone: string
  /** Seconds that an answer about the cluster may be kept by resolvers. */
  readonly ttl: number
  /** `A-B-C-D.NAMESPACE.pod.ZONE`: never, for any address in a namespace that exists, or only for one that a pod of that namespace has. */
  readonly pods: 'disabled' | 'insecure' | 'verified'
  /** Pod and service ranges: reverse names in them are this server's alone. */
  readonly reverse: readonly Cidr[]
  /** The service in front of this server, `NAME.NAMESPACE`. */
  readonly self: string
  /** UDP and TCP on each, on one port; port 0 takes any. */
  readonly listen: readonly Place[]
  readonly hosts?: HostsConfig
  /** Domains that other name servers know; the longest that fits is taken. */
  readonly stub: readonly StubConfig[]
  /** Who is asked for all other names; undefined: those are refused. */
  readonly forward?: ForwardConfig
  readonly cache: CacheConfig
  /** Answers a search list in one round trip where the asking pod is known. */
  readonly autopath: boolean
  /** Which questions are logged, one line each. */
  readonly queryLog: 'off' | 'errors' | 'all'
  /** Where /health, /ready and /metrics are; undefined: not served. */
  readonly health?: Place
  readonly ready?: Place
  readonly metrics?: Place
  /** Seconds for which questions are still answered after the word to end. */
  readonly lameDuck: number
  /** Processes that share the port. */
  readonly workers: number
  readonly limits: LimitsConfig
}

export interface Place {
  readonly address: Address
  readonly port: number
}

/** Names outside the cluster with addresses that are told whatever upstreams say. */
export interface HostsConfig {
  readonly entries: readonly HostsEntry[]
  /** A file as hosts(5) describes, read again when it changes. */
  readonly file?: string
  readonly ttl: number
}

export interface HostsEntry {
  readonly address: Address
  /** Lower case, without a dot at the end. */
  readonly names: readonly string[]
}

export interface StubConfig {
  /** Lower case, without a dot at the end. */
  readonly domain: string
  readonly forward: ForwardConfig
}

export interface ForwardConfig {
  readonly to: readonly UpstreamConfig[]
  /** Which upstream is asked first: any, each in its turn, or the first that is well. */
  readonly policy: 'random' | 'round_robin' | 'sequential'
  /** Milliseconds that one upstream has for one question. */
  readonly timeout: number
  /** Milliseconds after which one that failed is looked at again. */
  readonly healthInterval: number
  /** So many failures in a row, and it is asked only when all others are ill too. */
  readonly maxFails: number
  /** Questions under way at once; more are answered SERVFAIL at once. */
  readonly maxConcurrent: number
  /** Names under these are not asked there. */
  readonly except: readonly string[]
  /** Over TCP at once. */
  readonly forceTcp: boolean
}

export interface UpstreamConfig {
  readonly address: Address
  readonly port: number
  /** DNS over TLS (RFC 7858); `serverName` is whom the certificate has to name. */
  readonly tls?: { readonly serverName: string }
}

export interface CacheConfig {
  /** Answers that are kept at most; 0: none. */
  readonly size: number
  /** Seconds at most; negative ones for `negative`. */
  readonly positive: number
  readonly negative: number
  /** Seconds past its time for which an answer is given when no upstream answers (RFC 8767); 0: never. */
  readonly serveStale: number
}

export interface LimitsConfig {
  readonly tcpConnections: number
  readonly tcpPerClient: number
  /** Seconds that a connection may be quiet (RFC 7766 section 6.2.3). */
  readonly tcpIdle: number
  /** Questions of one client that wait for an upstream; more are answered SERVFAIL. */
  readonly inFlightPerClient: number
}

/** What holds where nothing else is said. */
export const defaults: DnsConfig = {
  zone: 'cluster.local',
  ttl: 30,
  pods: 'insecure',
  reverse: [],
  self: 'kube-dns.kube-system',
  listen: [],
  stub: [],
  cache: { size: 10_000, positive: 30, negative: 5, serveStale: 0 },
  autopath: false,
  queryLog: 'off',
  lameDuck: 1,
  workers: 1,
  limits: { tcpConnections: 1000, tcpPerClient: 100, tcpIdle: 10, inFlightPerClient: 200 },
}

const anywhere = address('0.0.0.0')

/** What holds in a cluster where nothing else is said: {@link defaults}, and the ports that every cluster knows. */
export const clusterDefaults: DnsConfig = {
  ...defaults,
  listen: [{ address: anywhere, port: 53 }],
  health: { address: anywhere, port: 8080 },
  ready: { address: anywhere, port: 8181 },
  metrics: { address: anywhere, port: 9153 },
}

export const forwardDefaults: Omit<ForwardConfig, 'to'> = {
  policy: 'random',
  timeout: 2000,
  healthInterval: 500,
  maxFails: 2,
  maxConcurrent: 1000,
  except: [],
  forceTcp: false,
}
