/** How restarts are spaced (k8s.io/kubernetes/pkg/kubelet, MaxContainerBackOff and backOffPeriod). */
export interface BackoffSettings {
  firstMs: number
  maxMs: number
  /** A container that ran so long starts over with the shortest delay. */
  resetMs: number
}

export const usualBackoff: BackoffSettings = { firstMs: 10_000, maxMs: 300_000, resetMs: 600_000 }

/**
 * The delay before restart number `restart` (1 for the first), measured from the end of the instance before: none, then 10 s, doubling up to
 * 5 minutes. `restart` counts from the last time that the container ran long enough.
 */
export function delayBefore(restart: number, settings: BackoffSettings): number {
  if (restart <= 1) return 0
  return Math.min(settings.firstMs * 2 ** Math.min(restart - 2, 30), settings.maxMs)
}

/** How many restarts count, when an instance has ended that ran for `ranMs` and `counted` restarts counted before. */
export function countedAfter(counted: number, ranMs: number, settings: BackoffSettings): number {
  return ranMs >= settings.resetMs ? 1 : counted + 1
}

/** As Go prints a duration of whole seconds: `10s`, `1m20s`, `5m0s`. */
export function goDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`
  const seconds = Math.round(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
