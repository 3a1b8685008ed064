import { hostPort } from '../../base/address.ts'
import { exponential, type Histogram, histogram } from '../../base/metrics/histogram.ts'
import { type Counter, counter, type Labelled } from '../../base/metrics/number.ts'
import { rcodeName } from '../wire/message.ts'
import type { UpstreamConfig } from '../config/config.ts'

/** What is counted about name servers outside, under CoreDNS' names where it has them. Outlives a configuration. */
export class ForwardCounts {
  readonly durations: Labelled<readonly ['proxy_name', 'rcode', 'to'], Histogram> = histogram(
    'coredns_proxy_request_duration_seconds',
    'Time that an upstream took for an answer.',
    ['proxy_name', 'rcode', 'to'],
    exponential(0.00025, 2, 16),
  )
  readonly connectionHits: Labelled<readonly ['proto', 'proxy_name', 'to'], Counter> = counter(
    'coredns_proxy_conn_cache_hits_total',
    'Questions that went over a connection that was open.',
    ['proto', 'proxy_name', 'to'],
  )
  readonly connectionMisses: Labelled<readonly ['proto', 'proxy_name', 'to'], Counter> = counter(
    'coredns_proxy_conn_cache_misses_total',
    'Questions for which a connection was opened.',
    ['proto', 'proxy_name', 'to'],
  )
  readonly probeFailures: Labelled<readonly ['proxy_name', 'to'], Counter> = counter(
    'coredns_proxy_healthcheck_failures_total',
    'Looks at an ill upstream that got no answer.',
    ['proxy_name', 'to'],
  )
  readonly failures: Labelled<readonly ['to'], Counter> = counter(
    'kubehop_dns_forward_failures_total',
    'Questions that an upstream did not answer.',
    ['to'],
  )
  /** Questions beyond `maxConcurrent`. */
  concurrentRejects = 0
  /** Questions for which all upstreams were ill. */
  healthBroken = 0
  /** Questions of clients that had too many waiting. */
  clientRejects = 0
  readonly cache: CacheCounts = {
    hits: { success: 0, denial: 0 },
    misses: 0,
    stale: 0,
    evictions: { success: 0, denial: 0 },
  }
}

export interface CacheCounts {
  readonly hits: ByKind
  misses: number
  stale: number
  readonly evictions: ByKind
}

/** As CoreDNS tells them apart. */
export interface ByKind {
  success: number
  denial: number
}

/** Those of one upstream. */
export interface UpstreamCounts {
  answered(rcode: number, seconds: number): void
  readonly failures: Counter
  readonly probeFailures: Counter
  readonly connectionHits: Counter
  readonly connectionMisses: Counter
}

export function upstreamCounts(counts: ForwardCounts, { address, port, tls }: UpstreamConfig): UpstreamCounts {
  const to = hostPort(address, port)
  const proto = tls ? 'tcp-tls' : 'tcp'
  const byRcode = new Map<number, Histogram>()
  return {
    answered(rcode, seconds) {
      let durations = byRcode.get(rcode)
      if (!durations) byRcode.set(rcode, (durations = counts.durations.of('forward', rcodeName(rcode), to)))
      durations.observe(seconds)
    },
    failures: counts.failures.of(to),
    probeFailures: counts.probeFailures.of('forward', to),
    connectionHits: counts.connectionHits.of(proto, 'forward', to),
    connectionMisses: counts.connectionMisses.of(proto, 'forward', to),
  }
}
