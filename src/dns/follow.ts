import type { Client, Follower } from '../api/client/client.ts'
import { type EndpointSlice, serviceNameLabel } from '../api/objects/endpointslice.ts'
import type { KubeObject } from '../api/objects/meta.ts'
import type { Pod } from '../api/objects/pod.ts'
import { type Address, parseAddress } from '../base/address.ts'
import type { Zone } from './zone/zone.ts'

/** Keeps a zone like the cluster: services, endpoint slices, namespaces, and pods when their records are verified. */
export function followCluster(client: Client, zone: Zone): { synced: Promise<void>; close(): void } {
  const followers: Pick<Follower<KubeObject>, 'synced' | 'close'>[] = [
    client.follow('Namespace', {
      onChange: ({ type, object }) => zone.namespace(object.metadata.name, type !== 'deleted'),
    }),
    client.follow('Service', { onChange: ({ type, object }) => zone.service(object, type !== 'deleted') }),
    client.follow('EndpointSlice', {
      onChange: (change) => {
        // A slice whose label is changed leaves one service for another.
        if (change.type === 'modified' && serviceOf(change.old) !== serviceOf(change.object))
          zone.slice(change.old, false)
        zone.slice(change.object, change.type !== 'deleted')
      },
    }),
  ]
  if (zone.options.pods === 'verified')
    followers.push(
      client.follow('Pod', {
        onChange: ({ type, object }) => {
          const { name, namespace = 'default' } = object.metadata
          zone.pod(namespace, name, type === 'deleted' ? [] : addressesOf(object))
        },
      }),
    )
  return {
    synced: Promise.all(followers.map((follower) => follower.synced)).then(() => {}),
    close() {
      for (const follower of followers) follower.close()
    },
  }
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  return metadata.labels?.[serviceNameLabel]
}

/** A pod that has ended has none: its address may be another's by now. */
function addressesOf({ status }: Pod): Address[] {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return []
  const texts = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP ?? '']
  return texts.map(parseAddress).filter((address) => address !== undefined)
}
