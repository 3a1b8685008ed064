import { type Address, address, type Family } from '../base/address.ts'
import type { Log } from '../base/log.ts'
import type { Netns } from '../kernel/netns.ts'
import { type Health, openHealth } from './health/health.ts'
import { type HealthCheckPorts, serveHealthCheckPorts } from './health/ports.ts'
import { startHealth, startMetricsServer } from './health/server.ts'
import { openProxyMetrics, type ProxyMetrics, type ProxyState } from './metrics/metrics.ts'
import type { ServiceCounters } from './metrics/service-counters.ts'

/** Where a server listens. */
export interface Place {
  readonly address: Address
  readonly port: number
}

/** Where kube-proxy answers. Who may scrape may learn every service's name: only this machine. */
export const usualPlaces: Readonly<Record<'healthz' | 'metrics', Place>> = {
  healthz: { address: address('0.0.0.0'), port: 10256 },
  metrics: { address: address('127.0.0.1'), port: 10249 },
}

/** What operators look at: health, metrics, and the health checks of load balancers. */
export interface Operations {
  readonly health: Health
  readonly metrics: ProxyMetrics
  readonly healthChecks: HealthCheckPorts
  close(): void
}

/** `healthz`, `metricsAt`: left out, nobody can ask. */
export function startOperations(options: {
  readonly family: Family
  readonly ns: Netns | undefined
  readonly healthz: Place | undefined
  readonly metricsAt: Place | undefined
  readonly state: () => ProxyState
  readonly readCounters: (() => AsyncIterable<ServiceCounters>) | undefined
  /** Where load balancers may ask. */
  readonly addresses: readonly Address[]
  readonly onProblem: (service: string, say: string | undefined) => void
  readonly log: Log
}): Operations {
  const { family, ns, healthz, metricsAt, state, readCounters, addresses, onProblem, log } = options
  const health = openHealth({ family })
  const metrics = openProxyMetrics({ family, state, ...(readCounters ? { readCounters } : {}), log })
  const healthChecks = serveHealthCheckPorts({ ns, addresses, healthy: () => health.healthy(), onProblem, log })
  const servers = [
    healthz && startHealth({ ns, ...healthz, health, metrics, log }),
    metricsAt && startMetricsServer({ ns, ...metricsAt, metrics, log }),
  ]
  return {
    health,
    metrics,
    healthChecks,
    close() {
      for (const server of servers) server?.close()
      healthChecks.close()
    },
  }
}
