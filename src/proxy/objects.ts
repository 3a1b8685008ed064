import type { Change, Client, Follower } from '../api/client/client.ts'
import { keyOf } from '../api/client/client.ts'
import { type EndpointSlice, serviceNameLabel } from '../api/objects/endpointslice.ts'
import type { Service } from '../api/objects/service.ts'
import { slimService, slimSlice } from './slim.ts'

/** The services and slices of the cluster, and which services have changed. */
export interface Objects {
  /** Fulfilled once both first lists are here. */
  readonly synced: Promise<unknown>
  service(key: string): Service | undefined
  slicesOf(service: string): readonly EndpointSlice[]
  keys(): string[]
  /** Keys of services about which anything has changed since the last call. */
  takeDirty(): ReadonlySet<string>
  /** How many changes of either kind there were since the last call. */
  takeChanges(): { services: number; endpoints: number }
  close(): void
}

/** Follows Services and EndpointSlices. `onBatch` is called after changes that came together, `onSlice` for each slice that is there now. */
export function followObjects(
  client: Pick<Client, 'follow'>,
  onBatch: () => void,
  onSlice: (slice: EndpointSlice, old?: EndpointSlice) => void,
): Objects {
  const slices = new Map<string, EndpointSlice[]>()
  let dirty = new Set<string>()
  let changes = { services: 0, endpoints: 0 }

  const services: Follower<Service> = client.follow('Service', {
    shape: slimService,
    onChange({ object }) {
      changes.services++
      dirty.add(keyOf(object))
    },
    onBatch,
  })
  const followedSlices = client.follow('EndpointSlice', { shape: slimSlice, onChange: sliceChanged, onBatch })

  function sliceChanged(change: Change<EndpointSlice>): void {
    changes.endpoints++
    if (change.type === 'modified') forget(change.old)
    if (change.type !== 'deleted') onSlice(change.object, change.type === 'modified' ? change.old : undefined)
    if (change.type === 'deleted') forget(change.object)
    else {
      const service = serviceKeyOf(change.object)
      if (service === undefined) return
      const of = slices.get(service)
      if (of) of.push(change.object)
      else slices.set(service, [change.object])
      dirty.add(service)
    }
  }

  function forget(slice: EndpointSlice): void {
    const service = serviceKeyOf(slice)
    if (service === undefined) return
    const rest = slices.get(service)?.filter(({ metadata }) => metadata.name !== slice.metadata.name) ?? []
    if (rest.length > 0) slices.set(service, rest)
    else slices.delete(service)
    dirty.add(service)
  }

  return {
    synced: Promise.all([services.synced, followedSlices.synced]),
    service: (key) => services.get(key),
    slicesOf: (key) => slices.get(key) ?? none,
    keys: () => services.list().map(keyOf),
    takeDirty() {
      const taken = dirty
      dirty = new Set()
      return taken
    },
    takeChanges() {
      const taken = changes
      changes = { services: 0, endpoints: 0 }
      return taken
    },
    close() {
      services.close()
      followedSlices.close()
    },
  }
}

/** The service that a slice belongs to, as `namespace/name`; undefined for a slice of none. */
export function serviceKeyOf(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[serviceNameLabel]
  return name === undefined ? undefined : `${slice.metadata.namespace}/${name}`
}

const none: readonly EndpointSlice[] = []
