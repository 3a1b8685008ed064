import type { Address } from '../../base/address.ts'
import { bad, readAddress, readNumber, readPodKey, readPort, readText, record } from '../observe/spec.ts'
import type { Resolution } from './resolve.ts'

/** What a pod is to send, for real, from its own namespace. */
export type ProbeSpec =
  | (Common & {
      readonly kind: 'resolve'
      readonly name: string /** Which all questions leave by. */
      readonly port: number
    })
  | ConnectionSpec
  | DatagramSpec

export type ConnectionSpec = Common &
  Sending &
  ({ readonly kind: 'tcp' } | { readonly kind: 'http' | 'https'; readonly host: string; readonly path: string })
export type DatagramSpec = Common &
  Sending &
  ({ readonly kind: 'udp' } | { readonly kind: 'dns'; readonly name: string })

interface Common {
  /** `namespace/name` */
  readonly pod: string
  readonly timeoutMs: number
}

interface Sending {
  readonly from: { readonly address: Address; readonly port: number }
  readonly to: { readonly address: Address; readonly port: number }
}

export type ProbeResult =
  | ({ readonly kind: 'resolved' } & Resolution)
  | {
      readonly kind: 'sent'
      /** `connected`: the other side took the connection but did not answer the request that was sent over it. */
      readonly outcome: 'answered' | 'connected' | 'refused' | 'unreachable' | 'timeout'
      /** HTTP: `200 OK`. DNS: `NOERROR 100.64.0.1`. */
      readonly status?: string
      readonly ms: number
    }
  /** The source port has an owner in the pod already; nothing was sent. */
  | { readonly kind: 'port-taken' }

/** Checks what came over the wire. */
export function readProbeSpec(value: unknown): ProbeSpec {
  const spec = record(value)
  const common: Common = { pod: readPodKey(spec['pod']), timeoutMs: readNumber(spec, 'timeoutMs', 1, 120_000) }
  const { kind } = spec
  switch (kind) {
    case 'resolve':
      return { ...common, kind, name: readText(spec, 'name', nameShape, 254), port: readPort(spec, 'port') }
    case 'tcp':
      return { ...common, kind, ...sending(spec) }
    case 'udp':
      return { ...common, kind, ...sending(spec) }
    case 'http':
    case 'https':
      return {
        ...common,
        kind,
        ...sending(spec),
        host: readText(spec, 'host', /^[\x21-\x7e]+$/, 300),
        path: readText(spec, 'path', /^\/[\x21-\x7e]*$/, 8000),
      }
    case 'dns':
      return { ...common, kind, ...sending(spec), name: readText(spec, 'name', nameShape, 254) }
    default:
      throw bad('kind', 'resolve, tcp, udp, http, https or dns')
  }
}

const nameShape = /^[a-z0-9_]([-a-z0-9_.]*[a-z0-9_])?\.?$/i

function sending(spec: Record<string, unknown>): Sending {
  const ends = (['from', 'to'] as const).map((field) => {
    const end = record(spec[field])
    return { address: readAddress(end['address'], `${field}.address`), port: readPort(end, 'port') }
  })
  const [from, to] = ends
  if (!from || !to) throw bad('from', 'an address and a port')
  return { from, to }
}
