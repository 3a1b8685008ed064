import type { Client } from '../api/client/client.ts'
import type { Service } from '../api/objects/service.ts'
import type { Address } from '../base/address.ts'
import type { Log } from '../base/log.ts'
import type { PodNetwork } from '../cni/network.ts'
import type { BackoffSettings } from './backoff.ts'
import type { IdMap } from './container/identity.ts'
import type { NodeImages } from './image/images.ts'
import type { Endpoints } from './endpoints.ts'
import type { PodGroups } from './resources/groups.ts'
import type { HostImage } from './root/host-image.ts'
import type { Objects } from './volumes/objects.ts'

/** What all pods of one node share. */
export interface NodeContext {
  client: Client
  log: Log
  nodeName: string
  hostIP: Address
  network: PodNetwork
  stateDir: string
  clusterDns: readonly Address[]
  /** The cluster's domain: `cluster.local`. */
  zone: string
  /** The text of this machine's resolv.conf. */
  nodeResolvConf: string
  /** This machine, as `image: host` shows it. */
  image: HostImage
  images: NodeImages
  ids: IdMap
  backoff: BackoffSettings
  objects: Objects
  endpoints: Endpoints
  groups: PodGroups
  /** Fulfilled when {@link services} knows them all. */
  servicesSynced: Promise<void>
  services: () => Iterable<Service>
  /** Fulfilled when the pods of before have been taken over: nothing new is started earlier. */
  adopted: Promise<void>
  /** Whether this machine allows an overlay over one of its directories. */
  overlayAt: (directory: string) => Promise<boolean>
}
