import type { Annotated, KubeObject, ObjectReference } from './meta.ts'

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
/** When the pod or service changed on whose account the slice did: RFC 3339. */
export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

/**
 * That time, in milliseconds since 1970, of a slice that is there now; `old` is what it was. undefined where the slice says no new time, and for changes
 * from before `started`: a new agent would count them all again (as upstream: pkg/proxy/endpointschangetracker.go).
 */
export function triggeredAt(slice: Annotated, old: Annotated | undefined, started: number): number | undefined {
  const text = slice.metadata.annotations?.[triggerTimeAnnotation]
  if (text === undefined || text === old?.metadata.annotations?.[triggerTimeAnnotation]) return undefined
  const time = Date.parse(text)
  return time > started ? time : undefined
}
