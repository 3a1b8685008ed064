import type { Client, Follower } from '../api/client/client.ts'
import { type EndpointSlice, serviceNameLabel } from '../api/objects/endpointslice.ts'
import type { KubeObject } from '../api/objects/meta.ts'
import type { Pod } from '../api/objects/pod.ts'
import type { Service } from '../api/objects/service.ts'
import { type Address, parseAddress } from '../base/address.ts'
import type { Contact } from './contact.ts'
import { programmedAfter } from './programming.ts'
import type { Metrics } from './server/metrics.ts'
import { slimNamespace, slimPod, slimService, slimSlice } from './slim.ts'
import type { Zone } from './zone/zone.ts'

export interface Witness {
  readonly contact?: Contact
  readonly metrics?: Metrics
  /** Pods are wanted, too. */
  readonly pods?: boolean
}

export interface Following {
  readonly synced: Promise<void>
  /** Kinds of which not everything is known yet. */
  waiting(): string[]
  /** By `namespace/name`. */
  service(key: string): Service | undefined
  close(): void
}

/** Keeps a zone like the cluster: services, endpoint slices, namespaces, and pods when they are wanted. */
export function followCluster(client: Client, zone: Zone, { contact, metrics, pods = false }: Witness = {}): Following {
  const started = Date.now()
  const onContact = (kind: string) => (heard: boolean) => contact?.note(kind, heard)
  const services = client.follow('Service', {
    shape: slimService,
    onChange: ({ type, object }) => zone.service(object, type !== 'deleted'),
    onContact: onContact('Service'),
  })
  const followers = new Map<string, Pick<Follower<KubeObject>, 'synced' | 'close'>>()
  const namespaces = client.follow('Namespace', {
    shape: slimNamespace,
    onChange: ({ type, object }) => zone.namespace(object.metadata.name, type !== 'deleted'),
    onContact: onContact('Namespace'),
  })
  const slices = client.follow('EndpointSlice', {
    shape: slimSlice,
    onChange: (change) => {
      // A slice whose label is changed leaves one service for another.
      if (change.type === 'modified' && serviceOf(change.old) !== serviceOf(change.object))
        zone.slice(change.old, false)
      zone.slice(change.object, change.type !== 'deleted')
      if (!metrics || change.type === 'deleted') return
      const old = change.type === 'modified' ? change.old : undefined
      const done = programmedAfter(change.object, old, (key) => services.get(key), started)
      if (done) metrics.programmed(done.kind, done.seconds)
    },
    onContact: onContact('EndpointSlice'),
  })
  followers.set('Service', services).set('Namespace', namespaces).set('EndpointSlice', slices)
  if (pods)
    followers.set(
      'Pod',
      client.follow('Pod', {
        shape: slimPod,
        onChange: ({ type, object }) => {
          const { name, namespace = 'default' } = object.metadata
          zone.pod(namespace, name, type === 'deleted' ? [] : addressesOf(object), searchesOf(object))
        },
        onContact: onContact('Pod'),
      }),
    )
  const waiting = new Set(followers.keys())
  const known = async ([kind, { synced }]: [string, Pick<Follower<KubeObject>, 'synced'>]): Promise<void> => {
    await synced
    waiting.delete(kind)
  }
  return {
    synced: Promise.all([...followers].map(known)).then(() => {}),
    waiting: () => [...waiting],
    service: (key) => services.get(key),
    close() {
      for (const follower of followers.values()) follower.close()
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

/** The search domains of its own, behind those of the cluster and the node; undefined: it has not those of the cluster (PodSearch). */
function searchesOf({ spec }: Pod): readonly string[] | undefined {
  const { hostNetwork, dnsPolicy = 'ClusterFirst', dnsConfig } = spec
  const cluster = hostNetwork !== true && dnsPolicy.startsWith('ClusterFirst')
  return cluster ? (dnsConfig?.searches ?? none) : undefined
}

const none: readonly string[] = []
