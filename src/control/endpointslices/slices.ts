import { equal } from '../../api/json.ts'
import { type Endpoint, type EndpointSlice, serviceNameLabel } from '../../api/objects/endpointslice.ts'
import type { Service } from '../../api/objects/service.ts'
import { type Action, change, ownedBy, remove } from '../action.ts'
import type { Family, Group, SlicePort } from './endpoints.ts'
import { identity, type ReadySince, stamped, triggers } from './trigger.ts'

export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const manager = 'endpointslice-controller.k8s.io'
/** Upstream's --max-endpoints-per-slice. */
export const sliceLimit = 100

/**
 * Puts endpoints into slices with as few writes as possible: each endpoint stays in the slice where it is; a new one goes where
 * something is written anyway, then into one slice with enough room, then into new slices. A service without endpoints keeps one
 * empty slice, as upstream does, so that "nothing behind it" can be told from "not looked at yet". `readySince` tells since when the pod
 * of an endpoint has been ready, or not: what is written says since when it has been true.
 */
export function sliceActions(
  service: Service,
  family: Family,
  groups: Group[],
  existing: EndpointSlice[],
  readySince: ReadySince = () => undefined,
): Action[] {
  const drafts = groups.flatMap(({ ports, endpoints }) =>
    distribute(
      ports,
      endpoints,
      existing.filter((slice) => equal(slice.ports ?? [], ports)),
    ),
  )
  const full = drafts.filter((draft) => draft.endpoints.length > 0)
  if (full.length === 0) full.push({ ports: [], endpoints: [] })
  // A slice that lost its last endpoint becomes what would have to be made otherwise: one write instead of two.
  const used = new Set(full.map((draft) => draft.slice))
  const spare = existing.filter((slice) => !used.has(slice))
  const triggeredBy = triggers(service, existing, readySince)
  const writes = full.flatMap((draft) =>
    write(service, family, draft, draft.slice ?? spare.shift(), triggeredBy(draft.endpoints)),
  )
  return [...writes, ...spare.map((slice) => remove(slice))]
}

interface Draft {
  readonly ports: SlicePort[]
  readonly slice?: EndpointSlice
  endpoints: Endpoint[]
}

function distribute(ports: SlicePort[], endpoints: Endpoint[], slices: EndpointSlice[]): Draft[] {
  const missing = new Map(endpoints.map((endpoint) => [identity(endpoint), endpoint]))
  const drafts: Draft[] = slices.map((slice) => {
    const stay: Endpoint[] = []
    for (const old of slice.endpoints ?? []) {
      const now = missing.get(identity(old))
      if (!now || stay.length >= sliceLimit) continue
      missing.delete(identity(old))
      stay.push(now)
    }
    return { ports, slice, endpoints: stay }
  })
  let rest = [...missing.values()]
  const fill = (draft: Draft): void => {
    const room = sliceLimit - draft.endpoints.length
    draft.endpoints.push(...rest.slice(0, room))
    rest = rest.slice(room)
  }
  const fullestFirst = [...drafts].sort((a, b) => b.endpoints.length - a.endpoints.length)
  for (const draft of fullestFirst) if (!equal(draft.endpoints, draft.slice?.endpoints ?? [])) fill(draft)
  const roomy = fullestFirst.find((draft) => draft.endpoints.length + rest.length <= sliceLimit)
  if (rest.length > 0 && roomy) fill(roomy)
  while (rest.length > 0) {
    const draft: Draft = { ports, endpoints: [] }
    fill(draft)
    drafts.push(draft)
  }
  return drafts
}

function write(
  service: Service,
  family: Family,
  { ports, endpoints }: Draft,
  slice: EndpointSlice | undefined,
  trigger: string | undefined,
): Action[] {
  const labels = labelsOf(service)
  const ownerReferences = [ownedBy(service)]
  if (slice) {
    const to = { ...slice, metadata: { ...slice.metadata, labels, ownerReferences }, endpoints, ports }
    // The time alone is no reason to write.
    if (change(slice, to).length === 0) return []
    return change(slice, { ...to, metadata: stamped(to.metadata, trigger) })
  }
  const { name, namespace = '' } = service.metadata
  const metadata = stamped({ generateName: `${name}-`, namespace, labels, ownerReferences }, trigger)
  return [{ do: 'create', kind: 'EndpointSlice', object: { metadata, addressType: family, endpoints, ports } }]
}

/** The service's own labels go along, for those who select slices by them. */
function labelsOf({ metadata, spec }: Service): Record<string, string> {
  const { [headlessLabel]: _, ...labels } = metadata.labels ?? {}
  return {
    ...labels,
    [serviceNameLabel]: metadata.name,
    [managedByLabel]: manager,
    ...(spec.clusterIP === 'None' && { [headlessLabel]: '' }),
  }
}

const headlessLabel = 'service.kubernetes.io/headless'
