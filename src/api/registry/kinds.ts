import type { KindName, Kinds } from '../objects/index.ts'
import { endpointSliceStrategy } from './endpointslice.ts'
import { networkPolicyStrategy } from './networkpolicy.ts'
import { nodeStrategy } from './node.ts'
import { podStrategy } from './pod.ts'
import { serviceStrategy } from './service/service.ts'
import {
  configMapStrategy,
  eventStrategy,
  leaseStrategy,
  namespaceStrategy,
  secretStrategy,
  serviceAccountStrategy,
} from './simple.ts'
import { traceStrategy } from './trace.ts'
import type { AnyStrategy, Strategy } from './strategy.ts'
import { deploymentStrategy, replicaSetStrategy } from './workloads.ts'

const strategies: { [K in KindName]: Strategy<Kinds[K]> } = {
  ConfigMap: configMapStrategy,
  Deployment: deploymentStrategy,
  EndpointSlice: endpointSliceStrategy,
  Event: eventStrategy,
  Lease: leaseStrategy,
  Namespace: namespaceStrategy,
  NetworkPolicy: networkPolicyStrategy,
  Node: nodeStrategy,
  Pod: podStrategy,
  ReplicaSet: replicaSetStrategy,
  Secret: secretStrategy,
  Service: serviceStrategy,
  ServiceAccount: serviceAccountStrategy,
  Trace: traceStrategy,
}

/** The strategy of a kind, for code that handles objects of every kind alike. */
export function strategyOf(kind: KindName): AnyStrategy {
  return strategies[kind] as unknown as AnyStrategy
}
