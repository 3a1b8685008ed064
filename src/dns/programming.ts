import { type EndpointSlice, serviceNameLabel, triggeredAt } from '../api/objects/endpointslice.ts'
import type { Service } from '../api/objects/service.ts'
import type { serviceKinds } from './server/metrics.ts'

/**
 * Seconds from a pod's change until it is answered, for a slice that is answered now, and of which kind its service is (Kubernetes' SLI "DNS programming
 * latency"). undefined where it says no new time since the start.
 */
export function programmedAfter(
  slice: EndpointSlice,
  old: EndpointSlice | undefined,
  serviceAt: (key: string) => Service | undefined,
  started: number,
): { kind: (typeof serviceKinds)[number]; seconds: number } | undefined {
  const time = triggeredAt(slice, old, started)
  if (time === undefined) return undefined
  const service = serviceAt(`${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel]}`)
  // Another machine's clock may be ahead of ours.
  return { kind: kindOf(service), seconds: Math.max(0, Date.now() - time) / 1000 }
}

function kindOf(service: Service | undefined): (typeof serviceKinds)[number] {
  if (service?.spec.clusterIP !== 'None') return 'cluster_ip'
  return service.spec.selector ? 'headless_with_selector' : 'headless_without_selector'
}
