import { type CacheConfig, clusterDefaults, type DnsConfig, type HostsConfig, type LimitsConfig } from './config.ts'
import { list, type Shape, shape } from './kind.ts'
import { choice, domain, flag, hostsLine, number, path, place, range, seconds, service } from './kinds.ts'
import { forward, stubs } from './upstreams.ts'

export const hostsShape: Shape<HostsConfig> = shape<HostsConfig>(
  { entries: [], ttl: 30 },
  {
    entries: { kind: list(hostsLine), means: 'Lines as in hosts(5): an address and its names.' },
    file: { kind: path, means: 'A file of such lines, read again when it changes.' },
    ttl: { kind: seconds('30s', '0s', '24h'), means: 'How long resolvers may keep these answers.' },
  },
)

const cacheShape: Shape<CacheConfig> = shape<CacheConfig>(clusterDefaults.cache, {
  size: { kind: number(0, 10_000_000), means: 'Answers that are kept at most; 0: none.' },
  positive: { kind: seconds('30s', '0s', '24h'), means: 'How long an answer is kept at most; its own TTL counts too.' },
  negative: { kind: seconds('5s', '0s', '24h'), means: 'The same for "no such name" and "no such record".' },
  serveStale: {
    kind: seconds('1h', '0s', '168h'),
    means: 'How long past its time an answer is still given when no name server answers (RFC 8767); 0s: never.',
  },
})

const limitsShape: Shape<LimitsConfig> = shape<LimitsConfig>(clusterDefaults.limits, {
  tcpConnections: { kind: number(1, 1_000_000), means: 'TCP connections at once.' },
  tcpPerClient: { kind: number(1, 1_000_000), means: 'TCP connections of one client at once.' },
  tcpIdle: { kind: seconds('10s', '1s', '1h'), means: 'How long a TCP connection may be quiet.' },
  inFlightPerClient: {
    kind: number(1, 1_000_000),
    means: 'Questions of one client that wait for a name server outside; more get SERVFAIL.',
  },
})

/** The configuration file: every option, what is allowed, what it means. */
export const schema: Shape<DnsConfig> = shape<DnsConfig>(clusterDefaults, {
  zone: { kind: domain, means: "The cluster's domain." },
  ttl: { kind: seconds('30s', '0s', '1h'), means: 'How long resolvers may keep an answer about the cluster.' },
  pods: {
    kind: choice('disabled', 'insecure', 'verified'),
    means:
      '`A-B-C-D.NAMESPACE.pod.ZONE`: never; for any address in a namespace that exists; or only for one that a pod of the namespace has.',
  },
  reverse: {
    kind: list(range),
    means:
      'Pod and service ranges: a reverse name in them that nothing has is "no such name", and is not asked elsewhere.',
  },
  self: { kind: service, means: 'The service in front of this server: what the NS record of the zone names.' },
  listen: { kind: list(place), means: 'Where questions come in, over UDP and TCP.' },
  hosts: { kind: hostsShape, means: 'Names with addresses of your own.' },
  stub: {
    kind: stubs,
    means: 'Domains that other name servers know, each with the options of `forward`; the longest that fits is taken.',
  },
  forward: {
    kind: forward,
    means:
      'Who is asked for all other names: a list of name servers, or the map below. Without it those names are refused.',
  },
  cache: { kind: cacheShape, means: 'What name servers outside said; names of the cluster are never in it.' },
  autopath: {
    kind: flag,
    means: 'Answers a whole search list in one round trip, where the pod that asks is known.',
  },
  queryLog: {
    kind: choice('off', 'errors', 'all'),
    means: 'Which questions are logged, one line each: none, those that could not be answered, or all.',
  },
  health: { kind: place, off: true, means: 'Where `/health` says that the process lives.' },
  ready: { kind: place, off: true, means: 'Where `/ready` says whether the whole cluster is known.' },
  metrics: { kind: place, off: true, means: "Where `/metrics` counts, under CoreDNS's names." },
  lameDuck: {
    kind: seconds('5s', '0s', '10m'),
    means: 'How long questions are still answered after the word to end.',
  },
  workers: { kind: number(1, 64), means: 'Processes that share the port.' },
  limits: { kind: limitsShape, means: 'What one client, or all together, may take.' },
})
