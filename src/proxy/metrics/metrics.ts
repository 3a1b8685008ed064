import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Annotated } from '../../api/objects/meta.ts'
import type { Family } from '../../base/address.ts'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { writeExposition } from '../../base/metrics/exposition.ts'
import { openSeries } from './series.ts'
import { type ServiceCounters, serviceFamilies } from './service-counters.ts'
import { openTriggers } from './triggers.ts'

export interface MetricsOptions {
  /** The table's address family: the label ip_family. */
  readonly family: Family
  /** What the proxy serves now; asked at each scrape. */
  readonly state: () => ProxyState
  /** What the kernel has counted for each service, read at each scrape; left out when it does not count. Every row is an object of its own. */
  readonly readCounters?: () => AsyncIterable<ServiceCounters>
  readonly log: Log
}

export interface ProxyState {
  readonly services: number
  readonly endpoints: number
  /** Services and slices of which something cannot be obeyed. */
  readonly skippedObjects: number
  /** Services with a policy Local, endpoints elsewhere and none on this node. */
  readonly noLocalEndpoints: { readonly internal: number; readonly external: number }
}

/** One try to bring the kernel up to date. */
export interface Sync {
  readonly seconds: number
  /** Everything was compared, not only what had changed. */
  readonly full: boolean
}

export interface ProxyMetrics {
  /** So many changes came from the API server and wait for the kernel. */
  queued(changes: { readonly services: number; readonly endpoints: number }): void
  /** A slice is new or another one now; for the time from a pod's change to the kernel's. `old`: what it was. */
  triggered(slice: Annotated, old?: Annotated): void
  /** The kernel has everything that was queued. */
  synced(sync: Sync & { readonly transactions: number; readonly elements: number }): void
  /** The kernel refused. */
  failed(sync: Sync): void
  /** Something that is of no use any more could not be removed. */
  cleanupFailed(): void
  /** Somebody else changed our table. */
  foreignChange(): void
  /** Conntrack was searched for flows to endpoints that are gone, and so many were deleted. */
  conntrack(done: { readonly seconds: number; readonly deleted: number }): void
  /** A health check was answered. */
  answered(path: 'healthz' | 'livez', code: 200 | 503): void
  /** Answers a scrape, in pieces, however many services there are. */
  write(request: Pick<IncomingMessage, 'method'>, response: ServerResponse): Promise<void>
}

/**
 * The metrics of kube-proxy's nftables mode under upstream's names (pkg/proxy/metrics as of v1.34), so that its dashboards and alerts go on working,
 * and under `kubehop_` what upstream has none for.
 */
export function openProxyMetrics({ family, state, readCounters, log }: MetricsOptions): ProxyMetrics {
  const series = openSeries(family)
  const triggers = openTriggers()
  const took = ({ seconds, full }: Sync): void => {
    series.sync.observe(seconds)
    const kind = full ? series.fullSync : series.partialSync
    kind.observe(seconds)
  }
  /** Without services' counters everything else is still worth telling. */
  const counted = async function* (read: () => AsyncIterable<ServiceCounters>): AsyncGenerator<ServiceCounters> {
    try {
      yield* read()
    } catch (error) {
      series.unread.add()
      log.warn({ error: messageOf(error) }, 'the counters of services could not be read: this scrape lacks some')
    }
  }
  return {
    queued({ services, endpoints }) {
      series.servicesPending.add(services)
      series.endpointsPending.add(endpoints)
      series.serviceChanges.add(services)
      series.endpointChanges.add(endpoints)
      series.lastQueued.set(Date.now() / 1000)
    },
    triggered: (slice, old) => triggers.add(slice, old),
    synced(sync) {
      took(sync)
      series.lastSync.set(Date.now() / 1000)
      series.servicesPending.set(0)
      series.endpointsPending.set(0)
      series.transactions.add(sync.transactions)
      series.elements.add(sync.elements)
      for (const seconds of triggers.take()) series.programming.observe(seconds)
    },
    failed(sync) {
      took(sync)
      series.failures.add()
    },
    cleanupFailed: () => series.cleanupFailures.add(),
    foreignChange: () => series.foreignChanges.add(),
    conntrack({ seconds, deleted }) {
      series.conntrack.observe(seconds)
      series.conntrackDeleted.add(deleted)
    },
    answered: (path, code) => series.answers[path][code].add(),
    write(request, response) {
      const { services, endpoints, skippedObjects, noLocalEndpoints } = state()
      series.services.set(services)
      series.endpoints.set(endpoints)
      series.skippedObjects.set(skippedObjects)
      series.noLocal.internal.set(noLocalEndpoints.internal)
      series.noLocal.external.set(noLocalEndpoints.external)
      const perService = readCounters ? serviceFamilies(() => counted(readCounters)) : []
      return writeExposition([...series.families, ...perService], request, response)
    },
  }
}
