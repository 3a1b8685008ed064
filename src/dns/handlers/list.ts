import type { Forwarder } from '../forward/forward.ts'
import type { Zone } from '../zone/zone.ts'
import { type ClusterHandler, clusterHandler } from './cluster.ts'
import { forwardHandler } from './forward.ts'
import type { Handler } from './handler.ts'

/** All handlers, in the order in which they are asked. */
export interface HandlerList {
  readonly handlers: readonly Handler[]
  readonly cluster: ClusterHandler
  readonly recursive: boolean
}

export interface Parts {
  readonly zone: Zone
  readonly synced: () => boolean
  readonly forward?: Forwarder | undefined
}

export function handlerList({ zone, synced, forward }: Parts): HandlerList {
  const cluster = clusterHandler(zone, synced, forward)
  const handlers: Handler[] = [cluster, ...(forward ? [forwardHandler(forward)] : [])]
  return { handlers, cluster, recursive: forward !== undefined }
}
