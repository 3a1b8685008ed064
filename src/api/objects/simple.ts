import type { Condition, KubeObject, ObjectReference } from './meta.ts'

export interface Namespace extends KubeObject {
  kind: 'Namespace'
  spec?: { finalizers?: string[] }
  status?: { phase?: 'Active' | 'Terminating'; conditions?: Condition[] }
}

export interface ConfigMap extends KubeObject {
  kind: 'ConfigMap'
  data?: Record<string, string>
  binaryData?: Record<string, string>
  immutable?: boolean
}

export interface Secret extends KubeObject {
  kind: 'Secret'
  type?: string
  data?: Record<string, string>
  stringData?: Record<string, string>
  immutable?: boolean
}

export interface ServiceAccount extends KubeObject {
  kind: 'ServiceAccount'
  secrets?: ObjectReference[]
  imagePullSecrets?: { name?: string }[]
  automountServiceAccountToken?: boolean
}

/** The core/v1 Event: what `kubectl describe` lists. */
export interface Event extends KubeObject {
  kind: 'Event'
  involvedObject: ObjectReference
  reason?: string
  message?: string
  type?: 'Normal' | 'Warning'
  count?: number
  firstTimestamp?: string
  lastTimestamp?: string
  /** Of events in the newer form, which have no first and last. */
  eventTime?: string
  source?: { component?: string; host?: string }
  reportingComponent?: string
  reportingInstance?: string
}

/** coordination.k8s.io/v1: a node's heartbeat, in namespace kube-node-lease. */
export interface Lease extends KubeObject {
  kind: 'Lease'
  spec?: { holderIdentity?: string; leaseDurationSeconds?: number; renewTime?: string }
}
