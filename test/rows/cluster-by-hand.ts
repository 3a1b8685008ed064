import type { Change, Client, FollowOptions } from '../../src/api/client/client.ts'
import { keyOf } from '../../src/api/client/client.ts'
import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { Node } from '../../src/api/objects/node.ts'
import type { Service } from '../../src/api/objects/service.ts'

type Either = Service | EndpointSlice | Node

const node1: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node1', labels: { 'topology.kubernetes.io/zone': 'a' } },
  spec: { podCIDR: '100.96.1.0/24', podCIDRs: ['100.96.1.0/24'] },
  status: { addresses: [{ type: 'InternalIP', address: '192.168.50.11' }] },
}

/** The part of a Client that the proxy needs, over lists that a test changes by hand. Changes between two ticks come as one batch. */
export class ClusterByHand {
  readonly events: string[] = []
  readonly client: Pick<Client, 'follow' | 'event'>
  readonly #lists = {
    Service: new Map<string, Either>(),
    EndpointSlice: new Map<string, Either>(),
    Node: new Map<string, Either>([['node1', node1]]),
  }
  readonly #followers = new Set<{ kind: string; options: FollowOptions<Either> }>()

  constructor(objects: readonly Either[]) {
    for (const object of objects) this.#lists[object.kind].set(keyOf(object), object)
    this.client = {
      follow: ((kind: Either['kind'], options: FollowOptions<Either> = {}) => {
        const list = this.#lists[kind]
        const follower = { kind, options }
        const synced = Promise.resolve().then(() => {
          this.#followers.add(follower)
          for (const object of list.values()) options.onChange?.({ type: 'added', object })
          options.onBatch?.()
        })
        const close = (): void => void this.#followers.delete(follower)
        return { synced, get: (key: string) => list.get(key), list: () => [...list.values()], close }
      }) as Client['follow'],
      event: (about, _type, reason, message) => {
        this.events.push(`${about.kind} ${about.name}: ${reason}: ${message}`)
      },
    }
  }

  get services(): Service[] {
    return [...this.#lists.Service.values()] as Service[]
  }

  get slices(): EndpointSlice[] {
    return [...this.#lists.EndpointSlice.values()] as EndpointSlice[]
  }

  put(...objects: Either[]): void {
    for (const object of objects) {
      const list = this.#lists[object.kind]
      const old = list.get(keyOf(object))
      list.set(keyOf(object), object)
      this.#tell(object.kind, old ? { type: 'modified', object, old } : { type: 'added', object })
    }
  }

  remove(...objects: Either[]): void {
    for (const { kind, metadata } of objects) {
      const key = keyOf({ metadata })
      const object = this.#lists[kind].get(key)
      if (!object) continue
      this.#lists[kind].delete(key)
      this.#tell(kind, { type: 'deleted', object })
    }
  }

  #tell(kind: Either['kind'], change: Change<Either>): void {
    for (const { kind: of, options } of this.#followers) {
      if (of !== kind) continue
      options.onChange?.(change)
      options.onBatch?.()
    }
  }
}
