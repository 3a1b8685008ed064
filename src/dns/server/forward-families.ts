import type { Family } from '../../base/metrics/family.ts'
import { measured } from '../../base/metrics/number.ts'
import type { ByKind } from '../forward/counts.ts'
import type { Forwarding } from '../forward/forwarding.ts'
import { labelled, serverLabels } from './families.ts'

/** What is known about name servers outside and the answers that are kept from them, asked at each scrape. */
export function forwardFamilies({ counts, cache }: Forwarding, port: number): Family[] {
  const { server, view, zone: zones } = serverLabels(port)
  const labels = { server, view, zones }
  const one = (name: string, help: string, value: () => number): Family =>
    labelled('counter', name, help, () => [{ labels, value: value() }])
  const byKind = (type: 'counter' | 'gauge', name: string, help: string, read: () => ByKind): Family =>
    labelled(type, name, help, () =>
      (['success', 'denial'] as const).map((kind) => ({ labels: { ...labels, type: kind }, value: read()[kind] })),
    )
  const kept = counts.cache
  return [
    counts.durations,
    counts.connectionHits,
    counts.connectionMisses,
    counts.probeFailures,
    counts.failures,
    measured(
      'counter',
      'coredns_forward_healthcheck_broken_total',
      'Questions for which all upstreams were ill.',
      () => counts.healthBroken,
    ),
    measured(
      'counter',
      'coredns_forward_max_concurrent_rejects_total',
      'Questions beyond the most that may wait for upstreams.',
      () => counts.concurrentRejects,
    ),
    measured(
      'counter',
      'kubehop_dns_forward_client_rejects_total',
      'Questions of clients that had too many waiting.',
      () => counts.clientRejects,
    ),
    byKind('gauge', 'coredns_cache_entries', 'Answers of upstreams in memory.', () => cache.entries),
    labelled('gauge', 'kubehop_dns_cache_bytes', 'Memory that they take.', () => [{ labels, value: cache.bytes }]),
    one(
      'coredns_cache_requests_total',
      'Questions that might be answered from memory.',
      () => kept.hits.success + kept.hits.denial + kept.misses,
    ),
    byKind('counter', 'coredns_cache_hits_total', 'Questions that were answered from memory.', () => kept.hits),
    one('coredns_cache_misses_total', 'Questions that had to be asked upstream.', () => kept.misses),
    one(
      'coredns_cache_served_stale_total',
      'Answers past their time that were given because no upstream answered.',
      () => kept.stale,
    ),
    byKind('counter', 'coredns_cache_evictions_total', 'Answers that had to make room.', () => kept.evictions),
  ]
}
