import { keyOf } from '../api/client/client.ts'
import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Service, ServicePort } from '../api/objects/service.ts'
import { serviceKeyOf } from './model.ts'

export interface ServiceAt {
  readonly service: Service
  /** undefined when the service has no such port. */
  readonly port: ServicePort | undefined
}

/** The service behind an address, and which of its ports is meant: what a trace calls a service's address. */
export function serviceAt(
  services: Iterable<Service>,
  address: string,
  port: number,
  protocol: 'TCP' | 'UDP' | 'SCTP',
): ServiceAt | undefined {
  for (const service of services) {
    const { spec } = service
    if (spec.clusterIP !== address && !spec.clusterIPs?.includes(address)) continue
    const found = spec.ports?.find((candidate) => candidate.port === port && (candidate.protocol ?? 'TCP') === protocol)
    return { service, port: found }
  }
  return undefined
}

/** The endpoint that a service's packet was translated to: its pod, where the slice names one. */
export function endpointAt(
  slices: Iterable<EndpointSlice>,
  service: Service,
  address: string,
): EndpointSlice['endpoints'][number] | undefined {
  for (const slice of slices) {
    if (serviceKeyOf(slice) !== keyOf(service)) continue
    const found = slice.endpoints.find((endpoint) => endpoint.addresses.includes(address))
    if (found) return found
  }
  return undefined
}
