import type { IntOrString, KubeObject } from './meta.ts'

/** kubehop.dev/v1alpha1: one request, sent when the object is made, and what became of it. Fields are named as in Antrea's Traceflow where it has them. */
export interface TraceObject extends KubeObject {
  kind: 'Trace'
  spec: TraceSpec
  status?: TraceObjectStatus
}

export interface TraceSpec {
  source: TraceSource
  destination: TraceDestination
  /** Default: TCP, or what `destination.url` says. */
  protocol?: TraceProtocol
  /** Seconds, for the name and then for the request. Default: 4. */
  timeout?: number
}

export type TraceProtocol = 'TCP' | 'UDP' | 'SCTP' | 'ICMP' | 'HTTP' | 'HTTPS' | 'DNS'

/** Exactly one of pod, node and outside. */
export interface TraceSource {
  /** Of the pod. Default: the namespace of the Trace. */
  namespace?: string
  pod?: string
  node?: string
  /** A machine beyond the router. */
  outside?: boolean
}

/** Exactly one of pod, service, node, ip, name and url. */
export interface TraceDestination {
  /** Of the pod or the service. Default: the namespace of the Trace. */
  namespace?: string
  pod?: string
  service?: string
  node?: string
  ip?: string
  /** Looked up as a program in the source would. */
  name?: string
  /** As `kubehop trace` takes it: `http://web/`. */
  url?: string
  /** A number, or the name of a port of the pod or service. */
  port?: IntOrString
}

export interface TraceObjectStatus {
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed'
  /** Why it could not be traced. */
  reason?: string
  startTime?: string
  completionTime?: string
  verdict?: string
  /** `200 OK` */
  answer?: string
  milliseconds?: number
  /** What was predicted is what was seen. */
  agrees?: boolean
  dns?: object[]
  /** On the way there, machine by machine. */
  results?: TraceNodeResult[]
  /** And back. */
  replyResults?: TraceNodeResult[]
  why?: { code: string; level: string; say: string; fix: string; command?: string }[]
}

export interface TraceNodeResult {
  node: string
  observations: TraceObservation[]
}

export interface TraceObservation {
  /** `Pod`, `Veth`, `Bridge`, `Proxy`, `Route`, `Policy`, `App`, `DNS`. */
  component: string
  /** The sentence. */
  componentInfo: string
  action: string
  /** The device, or empty. */
  device?: string
  pod?: string
  srcIP: string
  dstIP: string
  /** With the port, where there is one; only when it was changed here. */
  translatedSrcIP?: string
  translatedDstIP?: string
  /** What the decision rests on, in the kernel's words. */
  evidence?: string
  microseconds?: number
}
