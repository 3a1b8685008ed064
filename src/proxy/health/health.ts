import type { Family } from '../../base/address.ts'

/** Is the proxy keeping up? */
export interface Health {
  /** Changes came that the kernel does not have. */
  queued(): void
  /** The kernel has everything that was queued. */
  committed(): void
  /** False once the node is about to go. */
  node(eligible: boolean): void
  /** Of the proxy alone, whatever becomes of the node. */
  healthy(): boolean
  report(): HealthReport
}

/** As upstream tells it over HTTP (pkg/proxy/healthcheck/proxy_health.go). */
export interface HealthReport {
  /** When the kernel last had everything. RFC 3339. */
  readonly lastUpdated: string
  readonly currentTime: string
  readonly nodeEligible: boolean
  readonly healthy: boolean
  /** By address family. */
  readonly status: Readonly<Record<string, { readonly lastUpdated: string; readonly healthy: boolean }>>
}

export interface HealthOptions {
  readonly family: Family
  /** How long changes may wait for the kernel. Milliseconds; a minute, upstream's 2 x syncPeriod, when left out. */
  readonly patience?: number
  readonly clock?: Clock
}

export interface Clock {
  /** Milliseconds that only grow. Waiting is measured by it: a day that is set right makes nobody ill. */
  steady(): number
  /** Milliseconds since 1970. */
  wall(): number
}

/** What Go's zero time looks like in JSON: never. */
const never = '0001-01-01T00:00:00Z'
const machine: Clock = { steady: () => performance.now(), wall: () => Date.now() }

/**
 * A proxy that starts is healthy: the kernel goes on serving by what the one before taught it. It is ill when changes have waited too long, from the
 * start on (upstream begins to look after the first success).
 */
export function openHealth({ family, patience = 60_000, clock = machine }: HealthOptions): Health {
  let waitingSince: number | undefined
  let updated: string | undefined
  let nodeEligible = true
  const at = (): string => new Date(clock.wall()).toISOString()
  const isHealthy = (): boolean => waitingSince === undefined || clock.steady() - waitingSince < patience
  return {
    queued() {
      waitingSince ??= clock.steady()
    },
    committed() {
      waitingSince = undefined
      updated = at()
    },
    node(eligible) {
      nodeEligible = eligible
    },
    healthy: isHealthy,
    report() {
      const healthy = isHealthy()
      const lastUpdated = updated ?? never
      const status = { [`IPv${family}`]: { lastUpdated, healthy } }
      return { lastUpdated, currentTime: at(), nodeEligible, healthy, status }
    },
  }
}
