import { type Client, keyOf } from '../api/client/client.ts'
import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import { balancedAddresses, type Service } from '../api/objects/service.ts'

/** The services that have a load balancer's address, and, once one of them needs to know, the endpoints of all. */
export interface Balanced {
  readonly synced: Promise<void>
  services(): Iterable<Service>
  slices(): Iterable<EndpointSlice>
  close(): void
}

/** `onNews`: called when a route may have to change. A cluster without load balancers pays for the names of its services only. */
export function followBalanced(client: Pick<Client, 'follow'>, onNews: () => void): Balanced {
  const services = new Map<string, Service>()
  const slices = new Map<string, EndpointSlice>()
  let endpoints: { close(): void } | undefined
  let changed = false
  const follower = client.follow('Service', {
    shape: (service) =>
      balancedAddresses(service).length > 0 ? service : { ...service, spec: {}, status: {}, metadata: bare(service) },
    onChange: ({ type, object }) => {
      const key = keyOf(object)
      const wanted = type !== 'deleted' && balancedAddresses(object).length > 0
      if (!wanted && !services.has(key)) return
      if (wanted) services.set(key, object)
      else services.delete(key)
      changed = true
    },
    onBatch: () => {
      if (!changed) return
      changed = false
      if (!endpoints && [...services.values()].some(isLocal)) endpoints = followEndpoints()
      onNews()
    },
  })

  function followEndpoints(): { close(): void } {
    return client.follow('EndpointSlice', {
      onChange: ({ type, object }) => {
        if (type === 'deleted') slices.delete(keyOf(object))
        else slices.set(keyOf(object), object)
      },
      onBatch: () => {
        if ([...services.values()].some(isLocal)) onNews()
      },
    })
  }

  return {
    synced: follower.synced,
    services: () => services.values(),
    slices: () => slices.values(),
    close() {
      follower.close()
      endpoints?.close()
    },
  }
}

function isLocal({ spec }: Service): boolean {
  return spec.externalTrafficPolicy === 'Local'
}

function bare({ metadata }: Service): Service['metadata'] {
  const { name, namespace, uid, resourceVersion } = metadata
  return {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  }
}
