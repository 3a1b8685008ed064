import { type EndpointSlice, serviceNameLabel } from '../../api/objects/endpointslice.ts'
import type { TraceOptions } from '../coordinate.ts'
import type { LiveSpec } from './spec.ts'

/** Endpoints that came while others were watched: their connections are followed up to the translation only. A note, or none. */
export async function newEndpoints(
  client: TraceOptions['client'],
  { asked, behind }: Pick<LiveSpec, 'asked' | 'behind'>,
): Promise<string[]> {
  if (behind.length === 0) return []
  const known = new Set<string>([...asked, ...behind].map(({ address }) => address))
  const now = await client.list('EndpointSlice')
  const services = new Set<string>()
  for (const slice of now.items) if (addressesOf(slice).some((one) => known.has(one))) services.add(serviceOf(slice))
  const fresh = now.items
    .filter((slice) => services.has(serviceOf(slice)))
    .flatMap(addressesOf)
    .filter((address) => !known.has(address))
  if (fresh.length === 0) return []
  const some = fresh.slice(0, 5).join(', ')
  return [`endpoints came while it was watched (${some}): what they were given was not followed to its end`]
}

function addressesOf({ endpoints }: EndpointSlice): string[] {
  return endpoints.flatMap(({ addresses }) => addresses)
}

function serviceOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`
}
