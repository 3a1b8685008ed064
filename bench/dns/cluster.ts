import type { Endpoint, EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { KubeObject } from '../../src/api/objects/meta.ts'
import type { Service } from '../../src/api/objects/service.ts'
import { freshService } from '../services/make.ts'

export const zone = 'cluster.local'
export const endpointsEach = 3

/** A service of the zone with its slice. */
export interface Member {
  readonly name: string
  readonly namespace: string
  /** `service-17.team-0.svc.cluster.local` */
  readonly fullName: string
  /** Of a headless service the addresses of its endpoints are told, under names of their own, too. */
  readonly headless: boolean
  readonly service: Service
  readonly slice: EndpointSlice
}

/** Every tenth service is headless, as that of a StatefulSet; each has three endpoints; a hundred are in one namespace. */
export function members(services: number): Member[] {
  return Array.from({ length: services }, (_, index) => member(index))
}

export function member(index: number): Member {
  const { service, slice } = freshService(index, endpointsEach)
  const { name } = service.metadata
  const namespace = namespaceOf(index)
  const headless = index % 10 === 3
  return {
    name,
    namespace,
    fullName: `${name}.${namespace}.svc.${zone}`,
    headless,
    service: moved(
      headless ? { ...service, spec: { ...service.spec, clusterIP: 'None', clusterIPs: ['None'] } } : service,
      namespace,
    ),
    slice: moved(headless ? { ...slice, endpoints: slice.endpoints.map(hostnamed) } : slice, namespace),
  }
}

export function namespaces(services: number): KubeObject[] {
  const names = new Set(Array.from({ length: services }, (_, index) => namespaceOf(index)))
  return [...names].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, resourceVersion: '1' } }))
}

/** What an A question about it is answered with. */
export function addressesOf({ headless, service, slice }: Member): string[] {
  return headless ? slice.endpoints.flatMap(({ addresses }) => addresses) : [service.spec.clusterIP ?? '']
}

/** What the endpoint at this place in a headless service's slice is called. */
export function hostnameOf(at: number): string {
  return `replica-${at}`
}

function hostnamed(endpoint: Endpoint, at: number): Endpoint {
  return { ...endpoint, hostname: hostnameOf(at) }
}

function namespaceOf(index: number): string {
  return `team-${Math.floor(index / 100)}`
}

function moved<T extends KubeObject>(object: T, namespace: string): T {
  return { ...object, metadata: { ...object.metadata, namespace } }
}
