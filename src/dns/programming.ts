import { type EndpointSlice, serviceNameLabel } from '../api/objects/endpointslice.ts'
import type { Service } from '../api/objects/service.ts'
import type { serviceKinds } from './server/metrics.ts'

/** When the pod or service changed on whose account the slice did: RFC 3339. */
export const triggerTime = 'endpoints.kubernetes.io/last-change-trigger-time'

/**
 * Seconds from a pod's change until it is answered, for a slice that is answered now, and of which kind its service is (Kubernetes' SLI "DNS programming
 * latency"). undefined where the slice says no new time. Changes from before the start do not count: a new server would count them all again.
 */
export function programmedAfter(
  slice: EndpointSlice,
  old: EndpointSlice | undefined,
  serviceAt: (key: string) => Service | undefined,
  started: number,
): { kind: (typeof serviceKinds)[number]; seconds: number } | undefined {
  const text = slice.metadata.annotations?.[triggerTime]
  if (text === undefined || text === old?.metadata.annotations?.[triggerTime]) return undefined
  const time = Date.parse(text)
  if (!(time > started)) return undefined
  const service = serviceAt(`${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel]}`)
  // Another machine's clock may be ahead of ours.
  return { kind: kindOf(service), seconds: Math.max(0, Date.now() - time) / 1000 }
}

function kindOf(service: Service | undefined): (typeof serviceKinds)[number] {
  if (service?.spec.clusterIP !== 'None') return 'cluster_ip'
  return service.spec.selector ? 'headless_with_selector' : 'headless_without_selector'
}
