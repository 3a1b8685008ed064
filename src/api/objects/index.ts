import type { EndpointSlice } from './endpointslice.ts'
import type { NetworkPolicy } from './networkpolicy.ts'
import type { Node } from './node.ts'
import type { Pod } from './pod.ts'
import type { Service } from './service.ts'
import type { ConfigMap, Event, Lease, Namespace, Secret, ServiceAccount } from './simple.ts'
import type { TraceObject } from './trace.ts'
import type { Deployment, ReplicaSet } from './workload.ts'

/** Every kind the API serves, by the name that a manifest gives it. */
export interface Kinds {
  ConfigMap: ConfigMap
  Deployment: Deployment
  EndpointSlice: EndpointSlice
  Event: Event
  Lease: Lease
  Namespace: Namespace
  NetworkPolicy: NetworkPolicy
  Node: Node
  Pod: Pod
  ReplicaSet: ReplicaSet
  Secret: Secret
  Service: Service
  ServiceAccount: ServiceAccount
  Trace: TraceObject
}
export type KindName = keyof Kinds
