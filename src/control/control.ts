import type { Client } from '../api/client/client.ts'
import type { Cidr } from '../base/address.ts'
import type { Log } from '../base/log.ts'
import { type Clock, systemClock } from './clock.ts'
import { deployments } from './deployment/deployment.ts'
import { endpointSlices } from './endpointslices/endpointslices.ts'
import { oldEvents } from './garbage/events.ts'
import { owners } from './garbage/owners.ts'
import { lostPods } from './garbage/pods.ts'
import { kubernetesService } from './kubernetes.ts'
import { liveView } from './live.ts'
import { type Loop, type Running, run } from './loop.ts'
import { namespaces } from './namespaces.ts'
import { evictions } from './nodes/eviction.ts'
import { nodeLife } from './nodes/life.ts'
import { nodeRanges } from './nodes/ranges.ts'
import { replicaSets } from './replicaset/replicaset.ts'
import { scheduler } from './scheduler/scheduler.ts'

export interface ControlOptions {
  client: Client
  /** Cut into one range per node. */
  podCidr: Cidr
  /** Bits of one node's range: 24 gives each node 254 addresses. */
  nodePrefix: number
  /** Its first address is that of the service `kubernetes`. */
  serviceCidr: Cidr
  /** Where pods reach the API server. */
  apiAddress: string
  apiPort: number
  /** PEM of the certificate authority, published in every namespace as `kube-root-ca.crt`. */
  ca: string
  log: Log
  clock?: Clock
  /** A node that has not renewed its lease for so long counts as gone quiet. Default 40 s. */
  nodeGraceMs?: number
  /** How long a pod on a node that does not exist is left alone, in case the node comes back. Default 40 s. */
  lostPodGraceMs?: number
}

export interface Control {
  /** Fulfilled when the state of the cluster is known and the loops run. */
  readonly started: Promise<void>
  close(): void
}

/** The loops that let ordinary manifests run. */
function loops(options: ControlOptions): Loop[] {
  return [
    namespaces(options),
    kubernetesService(options),
    nodeRanges(options),
    nodeLife(options),
    evictions(),
    deployments,
    replicaSets,
    scheduler,
    endpointSlices,
    owners(options.client),
    lostPods(options),
    oldEvents,
  ]
}

/** Starts every control loop over one shared view of the cluster. */
export function startControl(options: ControlOptions): Control {
  const { client, log, clock = systemClock } = options
  const live = liveView(client, clock)
  const running: Running[] = loops(options).map((loop) => run(loop, { client, live, clock, log }))
  const synced = live.start((change) => {
    for (const loop of running) loop.wake(change)
  })
  return {
    started: synced.then(() => {
      for (const loop of running) loop.open()
    }),
    close() {
      for (const loop of running) loop.close()
      live.close()
    },
  }
}
