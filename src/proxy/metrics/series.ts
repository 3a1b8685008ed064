import type { Family } from '../../base/address.ts'
import type { Family as Metric } from '../../base/metrics/family.ts'
import { exponential, type Histogram, histogram, linear } from '../../base/metrics/histogram.ts'
import { type Counter, counter, type Gauge, gauge } from '../../base/metrics/number.ts'
import { processFamilies } from '../../base/metrics/process.ts'
import { version } from '../../base/version.ts'

// Name and help of everything that the proxy tells; what begins with `kubeproxy_` as upstream has it (pkg/proxy/metrics).

/** With the label ip_family. */
const histograms = {
  sync: ['kubeproxy_sync_proxy_rules_duration_seconds', 'SyncProxyRules latency in seconds'],
  fullSync: ['kubeproxy_sync_full_proxy_rules_duration_seconds', 'SyncProxyRules latency in seconds for full resyncs'],
  partialSync: [
    'kubeproxy_sync_partial_proxy_rules_duration_seconds',
    'SyncProxyRules latency in seconds for partial resyncs',
  ],
  programming: ['kubeproxy_network_programming_duration_seconds', 'In Cluster Network Programming Latency in seconds'],
  conntrack: [
    'kubeproxy_conntrack_reconciler_sync_duration_seconds',
    'ReconcileConntrackFlowsLatency latency in seconds',
  ],
} as const

const countersOfFamily = {
  failures: ['kubeproxy_sync_proxy_rules_nftables_sync_failures_total', 'Cumulative proxy nftables sync failures'],
  cleanupFailures: [
    'kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total',
    'Cumulative proxy nftables cleanup failures',
  ],
  conntrackDeleted: [
    'kubeproxy_conntrack_reconciler_deleted_entries_total',
    'Cumulative conntrack flows deleted by conntrack reconciler',
  ],
} as const

const gaugesOfFamily = {
  lastSync: ['kubeproxy_sync_proxy_rules_last_timestamp_seconds', 'The last time proxy rules were successfully synced'],
  lastQueued: [
    'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
    'The last time a sync of proxy rules was queued',
  ],
} as const

const counters = {
  endpointChanges: ['kubeproxy_sync_proxy_rules_endpoint_changes_total', 'Cumulative proxy rules Endpoint changes'],
  serviceChanges: ['kubeproxy_sync_proxy_rules_service_changes_total', 'Cumulative proxy rules Service changes'],
  transactions: ['kubehop_proxy_transactions_total', 'Transactions that the kernel accepted'],
  elements: ['kubehop_proxy_elements_changed_total', 'Elements of maps and sets added or deleted in them'],
  unread: ['kubehop_proxy_counter_read_failures_total', "Times that services' counters could not be read"],
  foreignChanges: ['kubehop_proxy_foreign_changes_total', "Times that somebody else had changed the proxy's table"],
} as const

const gauges = {
  endpointsPending: ['kubeproxy_sync_proxy_rules_endpoint_changes_pending', 'Pending proxy rules Endpoint changes'],
  servicesPending: ['kubeproxy_sync_proxy_rules_service_changes_pending', 'Pending proxy rules Service changes'],
  services: ['kubehop_proxy_services', 'Services that this node translates'],
  endpoints: ['kubehop_proxy_endpoints', 'Endpoints that they are translated to'],
  skippedObjects: ['kubehop_proxy_skipped_objects', 'Services and slices of which something cannot be obeyed'],
} as const

export interface Series
  extends Readonly<Record<keyof typeof histograms, Histogram>>,
    Readonly<Record<keyof typeof countersOfFamily | keyof typeof counters, Counter>>,
    Readonly<Record<keyof typeof gaugesOfFamily | keyof typeof gauges, Gauge>> {
  readonly noLocal: { readonly internal: Gauge; readonly external: Gauge }
  readonly answers: Readonly<Record<'healthz' | 'livez', Readonly<Record<200 | 503, Counter>>>>
  /** All of them, and the process's own. */
  readonly families: readonly Metric[]
}

/** 1 ms to 16 s. */
const syncBounds = exponential(0.001, 2, 15)
/** Up to 5 minutes. 0 too: upstream makes its list of bounds with one zero in front. */
const programmingBounds = [
  0,
  ...linear(0.25, 0.25, 2),
  ...linear(1, 1, 59),
  ...linear(60, 5, 12),
  ...linear(120, 30, 7),
]

export function openSeries(family: Family): Series {
  const ip = `IPv${family}`
  const families: Metric[] = []
  const keep = <M extends Metric>(metric: M): M => {
    families.push(metric)
    return metric
  }
  const each = <K extends string, S>(
    table: Readonly<Record<K, readonly [name: string, help: string]>>,
    open: (name: string, help: string) => S,
  ): Record<K, S> =>
    Object.fromEntries(
      Object.entries<readonly [string, string]>(table).map(([key, [name, help]]) => [key, open(name, help)]),
    ) as Record<K, S>
  const byCode = (path: string): Record<200 | 503, Counter> => {
    const answers = keep(counter(`kubeproxy_proxy_${path}_total`, `Cumulative proxy ${path} HTTP status`, ['code']))
    return { 200: answers.of('200'), 503: answers.of('503') }
  }
  // A gauge in spite of its name, upstream too.
  const noLocal = keep(
    gauge(
      'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
      'Number of services with a Local traffic policy and no endpoints',
      ['ip_family', 'traffic_policy'],
    ),
  )
  keep(gauge('kubehop_build_info', 'A constant 1, labelled by version', ['version']))
    .of(version)
    .set(1)
  families.push(...processFamilies())
  return {
    ...each(histograms, (name, help) => {
      const bounds = name === histograms.programming[0] ? programmingBounds : syncBounds
      return keep(histogram(name, help, ['ip_family'], bounds)).of(ip)
    }),
    ...each(countersOfFamily, (name, help) => keep(counter(name, help, ['ip_family'])).of(ip)),
    ...each(gaugesOfFamily, (name, help) => keep(gauge(name, help, ['ip_family'])).of(ip)),
    ...each(counters, (name, help) => keep(counter(name, help, [])).of()),
    ...each(gauges, (name, help) => keep(gauge(name, help, [])).of()),
    noLocal: { internal: noLocal.of(ip, 'internal'), external: noLocal.of(ip, 'external') },
    answers: { healthz: byCode('healthz'), livez: byCode('livez') },
    families,
  }
}
