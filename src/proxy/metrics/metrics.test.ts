import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { pino } from 'pino'
import { type MetricsOptions, openProxyMetrics, type ProxyMetrics } from './metrics.ts'
import type { ServiceCounters } from './service-counters.ts'
import { openTriggers } from './triggers.ts'

const state = { services: 3, endpoints: 8, skippedObjects: 1, noLocalEndpoints: { internal: 0, external: 2 } }

function open(more: Partial<MetricsOptions> = {}): ProxyMetrics {
  return openProxyMetrics({ family: 4, state: () => state, log: pino({ level: 'silent' }), ...more })
}

async function scrape(metrics: ProxyMetrics): Promise<string> {
  const server = createServer((request, response) => void metrics.write(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)
    return await response.text()
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

async function valueOf(metrics: ProxyMetrics, series: string): Promise<number> {
  const line = (await scrape(metrics)).split('\n').find((line) => line.startsWith(`${series} `))
  return Number((line ?? assert.fail(`no ${series}`)).slice(series.length))
}

test("every metric of kube-proxy's nftables mode is there, of the same type and with the same labels", async () => {
  const text = await scrape(open())
  for (const [name, type, labels] of upstream) {
    assert.ok(text.includes(`\n# TYPE ${name} ${type}\n`), name)
    const line = text.split('\n').find((line) => line.startsWith(type === 'histogram' ? `${name}_count` : name))
    const found = [...(line ?? '').matchAll(/[{,]([a-z_]+)="/g)].map(([, label]) => label)
    assert.deepEqual(found, labels, name)
  }
})

const family = ['ip_family']
// Names, types and labels as of Kubernetes 1.34 (its instrumentation reference and pkg/proxy/metrics).
const upstream: [name: string, type: string, labels: string[]][] = [
  ['kubeproxy_conntrack_reconciler_deleted_entries_total', 'counter', family],
  ['kubeproxy_conntrack_reconciler_sync_duration_seconds', 'histogram', family],
  ['kubeproxy_network_programming_duration_seconds', 'histogram', family],
  ['kubeproxy_proxy_healthz_total', 'counter', ['code']],
  ['kubeproxy_proxy_livez_total', 'counter', ['code']],
  ['kubeproxy_sync_full_proxy_rules_duration_seconds', 'histogram', family],
  ['kubeproxy_sync_partial_proxy_rules_duration_seconds', 'histogram', family],
  ['kubeproxy_sync_proxy_rules_duration_seconds', 'histogram', family],
  ['kubeproxy_sync_proxy_rules_endpoint_changes_pending', 'gauge', []],
  ['kubeproxy_sync_proxy_rules_endpoint_changes_total', 'counter', []],
  ['kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds', 'gauge', family],
  ['kubeproxy_sync_proxy_rules_last_timestamp_seconds', 'gauge', family],
  ['kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total', 'counter', family],
  ['kubeproxy_sync_proxy_rules_nftables_sync_failures_total', 'counter', family],
  ['kubeproxy_sync_proxy_rules_no_local_endpoints_total', 'gauge', ['ip_family', 'traffic_policy']],
  ['kubeproxy_sync_proxy_rules_service_changes_pending', 'gauge', []],
  ['kubeproxy_sync_proxy_rules_service_changes_total', 'counter', []],
]

test('no metric is told twice, and every one has help', async () => {
  const text = await scrape(open({ readCounters: rows([]) }))
  const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)
  assert.equal(new Set(names).size, names.length)
  for (const name of names) assert.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'))
})

test('changes are pending until the kernel has them, and a refusal leaves them so', async () => {
  const metrics = open()
  const pending = (kind: string): Promise<number> =>
    valueOf(metrics, `kubeproxy_sync_proxy_rules_${kind}_changes_pending`)
  metrics.queued({ services: 1, endpoints: 2 })
  metrics.failed({ seconds: 0.004, full: false })
  metrics.queued({ services: 0, endpoints: 3 })
  assert.deepEqual([await pending('service'), await pending('endpoint')], [1, 5])
  metrics.synced({ seconds: 0.002, full: true, transactions: 1, elements: 12 })
  assert.deepEqual([await pending('service'), await pending('endpoint')], [0, 0])
  const text = await scrape(metrics)
  for (const line of [
    'kubeproxy_sync_proxy_rules_endpoint_changes_total 5',
    'kubeproxy_sync_proxy_rules_nftables_sync_failures_total{ip_family="IPv4"} 1',
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{ip_family="IPv4",le="0.002"} 1',
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{ip_family="IPv4",le="16.384"} 2',
    'kubeproxy_sync_full_proxy_rules_duration_seconds_count{ip_family="IPv4"} 1',
    'kubeproxy_sync_partial_proxy_rules_duration_seconds_count{ip_family="IPv4"} 1',
    'kubehop_proxy_elements_changed_total 12',
    'kubehop_proxy_endpoints 8',
    'kubehop_proxy_skipped_objects 1',
    'kubeproxy_sync_proxy_rules_no_local_endpoints_total{ip_family="IPv4",traffic_policy="external"} 2',
  ])
    assert.ok(text.includes(`\n${line}\n`), line)
  const last = await valueOf(metrics, 'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}')
  assert.ok(Math.abs(last - Date.now() / 1000) < 60)
})

test('each path of the health checks is counted by its code, from nothing', async () => {
  const metrics = open()
  metrics.answered('healthz', 503)
  assert.equal(await valueOf(metrics, 'kubeproxy_proxy_healthz_total{code="503"}'), 1)
  assert.equal(await valueOf(metrics, 'kubeproxy_proxy_livez_total{code="503"}'), 0)
})

test("the buckets of the time to the kernel are upstream's", async () => {
  const text = await scrape(open())
  const bounds = [...text.matchAll(/network_programming\w*_bucket\{.*le="([^"]+)"/g)].map(([, bound]) => Number(bound))
  assert.equal(bounds.length, 82)
  assert.deepEqual(bounds.slice(0, 6), [0, 0.25, 0.5, 1, 2, 3])
  assert.deepEqual(bounds.slice(60, 64), [58, 59, 60, 65])
  assert.deepEqual(bounds.slice(-4), [240, 270, 300, Number.NaN])
})

const slice = (time?: string): { metadata: { annotations?: Record<string, string> } } => ({
  metadata: time === undefined ? {} : { annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': time } },
})

test('a change counts from the time that its slice says, once', () => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const triggers = openTriggers(() => now)
  triggers.add(slice('2025-12-31T23:59:59Z'))
  triggers.add(slice())
  triggers.add(slice('yesterday'))
  now += 10_000
  const first = slice('2026-01-01T00:00:08.500000000Z')
  triggers.add(first)
  triggers.add(structuredClone(first), first)
  triggers.add(slice('2026-01-01T00:00:11Z'), first)
  assert.deepEqual(triggers.take(), [1.5, 0])
  assert.deepEqual(triggers.take(), [])
})

test('what the kernel counted is told service by service', async () => {
  const web = { namespace: 'shop', name: 'web', port: 'http', protocol: 'TCP' }
  const metrics = open({
    readCounters: rows([
      { ...web, connections: 4 },
      { ...web, direction: 'in', packets: 40, bytes: 4000 },
      { ...web, direction: 'out', packets: 30, bytes: 90_000 },
      { namespace: 'a"b', name: 'odd', port: 53, protocol: 'UDP', connections: 1 },
    ]),
  })
  const expected = `# HELP kubehop_service_connections_total Connections opened to a port of a service
# TYPE kubehop_service_connections_total counter
kubehop_service_connections_total{namespace="shop",service="web",port="http",protocol="TCP"} 4
kubehop_service_connections_total{namespace="a\\"b",service="odd",port="53",protocol="UDP"} 1
# HELP kubehop_service_packets_total Packets to and from a port of a service
# TYPE kubehop_service_packets_total counter
kubehop_service_packets_total{namespace="shop",service="web",port="http",protocol="TCP",direction="in"} 40
kubehop_service_packets_total{namespace="shop",service="web",port="http",protocol="TCP",direction="out"} 30
# HELP kubehop_service_bytes_total Bytes to and from a port of a service
# TYPE kubehop_service_bytes_total counter
kubehop_service_bytes_total{namespace="shop",service="web",port="http",protocol="TCP",direction="in"} 4000
kubehop_service_bytes_total{namespace="shop",service="web",port="http",protocol="TCP",direction="out"} 90000
`
  const [one, other] = await Promise.all([scrape(metrics), scrape(metrics)])
  assert.ok(one.endsWith(expected), one.slice(-2000))
  assert.ok(other.endsWith(expected), 'two scrapes at once do not share what they read')
})

test("without services' counters everything else is told, and that they are missing", async () => {
  const metrics = open({
    readCounters: async function* () {
      yield { namespace: 'n', name: 's', port: 80, protocol: 'TCP', connections: 3 }
      throw new Error('no buffers')
    },
  })
  assert.match(await scrape(metrics), /^kubehop_service_connections_total\{.*\} 3$/m)
  assert.equal(await valueOf(metrics, 'kubehop_proxy_counter_read_failures_total'), 1)
})

test('ten thousand services are all told', async () => {
  const many = Array.from({ length: 10_000 }, (_, i) => ({
    namespace: 'n',
    name: `s${i}`,
    port: 80,
    protocol: 'TCP',
    connections: i,
    packets: i,
    bytes: i,
  }))
  const text = await scrape(open({ readCounters: rows(many) }))
  assert.equal(text.match(/^kubehop_service_\w+_total\{/gm)?.length, 30_000)
})

function rows(all: readonly ServiceCounters[]): () => AsyncIterable<ServiceCounters> {
  return async function* () {
    yield* all
  }
}
