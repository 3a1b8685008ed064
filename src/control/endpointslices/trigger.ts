import { type Endpoint, type EndpointSlice, triggerTimeAnnotation } from '../../api/objects/endpointslice.ts'
import type { ObjectMeta } from '../../api/objects/meta.ts'
import type { Service } from '../../api/objects/service.ts'

/** Since when the pod of an endpoint has been ready, or not ready. */
export type ReadySince = (endpoint: Endpoint) => string | undefined

/**
 * What set off a change of slices: of the pods that came, or that became ready or unready, the first. Proxies measure from there how long
 * it takes until the kernel knows (upstream's network_programming_duration_seconds). undefined when no pod did: pods that leave say
 * nothing of when they began to. Upstream remembers the times it has seen; here the slices that are there tell what is new.
 */
export function triggers(
  { metadata }: Service,
  existing: readonly EndpointSlice[],
  readySince: ReadySince,
): (endpoints: readonly Endpoint[]) => string | undefined {
  if (existing.length === 0) return () => metadata.creationTimestamp
  const known = new Map(
    existing.flatMap((slice) => (slice.endpoints ?? []).map((one) => [identity(one), one] as const)),
  )
  return (endpoints) => {
    const times = endpoints.flatMap((now) => {
      const before = known.get(identity(now))
      const same = before !== undefined && before.conditions?.serving === now.conditions?.serving
      return same ? [] : (readySince(now) ?? [])
    })
    return times.sort((a, b) => Date.parse(a) - Date.parse(b))[0]
  }
}

/** What was changed at this time says so; without a time, an earlier one goes. */
export function stamped<T extends Pick<ObjectMeta, 'annotations' | 'labels'>>(
  metadata: T,
  time: string | undefined,
): T {
  const { [triggerTimeAnnotation]: before, ...others } = metadata.annotations ?? {}
  if (before === time) return metadata
  return { ...metadata, annotations: time === undefined ? others : { ...others, [triggerTimeAnnotation]: time } }
}

/** The pod and its address: a pod of the same name made anew is another endpoint. */
export function identity({ addresses, targetRef }: Endpoint): string {
  return `${targetRef?.uid ?? targetRef?.name ?? ''} ${addresses.join()}`
}
