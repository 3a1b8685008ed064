import type { KubeObject, ObjectReference } from './meta.ts'

/** discovery.k8s.io/v1. Belongs to the service that its label `kubernetes.io/service-name` names. */
export interface EndpointSlice extends KubeObject {
  kind: 'EndpointSlice'
  addressType: 'IPv4' | 'IPv6' | 'FQDN'
  endpoints: Endpoint[]
  ports?: { name?: string; protocol?: 'TCP' | 'UDP' | 'SCTP'; port?: number; appProtocol?: string }[]
}

export interface Endpoint {
  addresses: string[]
  /** A missing `ready` or `serving` means true; a missing `terminating` means false. */
  conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean }
  hostname?: string
  nodeName?: string
  zone?: string
  targetRef?: ObjectReference
  hints?: { forZones?: { name: string }[]; forNodes?: { name: string }[] }
}

export const serviceNameLabel = 'kubernetes.io/service-name'
