import type { Address } from '../../base/address.ts'
import {
  bad,
  list,
  mostSpan,
  readAddress,
  readNumber,
  readPodKey,
  readPort,
  readText,
  record,
} from '../observe/spec.ts'
import type { At } from '../origin.ts'
import type { Resolution } from './resolve.ts'

/** What is to be sent, for real, from a pod's namespace or the machine's. */
export type ProbeSpec =
  | (Common & {
      readonly kind: 'resolve'
      /** The pod whose resolv.conf and hosts file are read; left out: the machine's. One on its node's network sends from the machine. */
      readonly filesOf?: string
      readonly name: string
      /** Which all questions leave by. */
      readonly port: number
    })
  | Request
  | RepeatSpec

/** One request. */
export type Request = ConnectionSpec | DatagramSpec | PacketSpec

/** The same request from several ports in a row, the first of them in `request`; some at once. */
export type RepeatSpec = Common & {
  readonly kind: 'repeat'
  readonly count: number
  readonly request: Request
  /** The size of each, where the request has one. */
  readonly sizes?: readonly number[]
  /** Nobody on the way may cut them. */
  readonly dontFragment?: boolean
}

/** Bytes of the whole IP packet, and whether it may be cut on the way. Left out: as the protocol has it. */
export interface Size {
  readonly size?: number
  readonly dontFragment?: boolean
}

export type ConnectionSpec = Common &
  Sending &
  ({ readonly kind: 'tcp' } | { readonly kind: 'http' | 'https'; readonly host: string; readonly path: string })
export type DatagramSpec = Common &
  Sending &
  (({ readonly kind: 'udp' } & Size) | { readonly kind: 'dns'; readonly name: string })

/** Packets that no ordinary socket sends: SCTP's INIT, and ICMP's echo request, whose identifier is `from.port`. */
export type PacketSpec = Common & Sending & ({ readonly kind: 'sctp' } | ({ readonly kind: 'icmp' } & Size))

interface Common {
  readonly at: At
  /** A whole number. */
  readonly timeoutMs: number
}

interface Sending {
  readonly from: { readonly address: Address; readonly port: number }
  readonly to: { readonly address: Address; readonly port: number }
}

export type ProbeResult =
  | ({ readonly kind: 'resolved'; readonly files: NameFiles } & Resolution)
  | Answer
  | { readonly kind: 'repeated'; readonly results: readonly Answer[] }

/** By which names were looked up, as they were read: resolv.conf(5), hosts(5). */
export interface NameFiles {
  readonly resolvConf: string
  readonly hosts: string
}

/** What became of one request. */
export type Answer =
  | {
      readonly kind: 'sent'
      /** `connected`: the other side took the connection but did not answer the request that was sent over it. */
      readonly outcome: 'answered' | 'connected' | 'refused' | 'unreachable' | 'too-big' | 'timeout'
      /** HTTP: `200 OK`. DNS: `NOERROR 100.64.0.1`. */
      readonly status?: string
      /** HTTPS: the names in the certificate, where the one that was asked for is not among them. */
      readonly certificate?: readonly string[]
      readonly ms: number
    }
  /** The source port has an owner there already; nothing was sent. */
  | { readonly kind: 'port-taken' }

/** Requests that one agent sends for one asking. */
export const mostRepeats: number = mostSpan

/** Checks what came over the wire. */
export function readProbeSpec(value: unknown): ProbeSpec {
  const spec = record(value)
  const common: Common = { at: readAt(spec['at']), timeoutMs: readNumber(spec, 'timeoutMs', 1, 120_000) }
  const { kind } = spec
  switch (kind) {
    case 'resolve':
      return {
        ...common,
        kind,
        ...(spec['filesOf'] !== undefined && { filesOf: readPodKey(spec['filesOf'], 'filesOf') }),
        name: readText(spec, 'name', nameShape, 254),
        port: readPort(spec, 'port'),
      }
    case 'repeat':
      return readRepeat(common, spec)
    case 'tcp':
      return { ...common, kind, ...sending(spec) }
    case 'udp':
      return { ...common, kind, ...sending(spec), ...sizeIn(spec) }
    case 'sctp':
      return { ...common, kind, ...sending(spec) }
    case 'icmp':
      return { ...common, kind, ...sending(spec, 0), ...sizeIn(spec) }
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
      throw bad('kind', 'resolve, repeat, tcp, udp, sctp, http, https, icmp or dns')
  }
}

function readRepeat(common: Common, spec: Record<string, unknown>): RepeatSpec {
  // Looked at before it is read: one within the other could go on for ever.
  if (record(spec['request'])['kind'] === 'repeat') throw bad('request', 'one request')
  const request = readProbeSpec(spec['request'])
  if (request.kind === 'resolve' || request.kind === 'repeat') throw bad('request', 'one request')
  const count = readNumber(spec, 'count', 1, mostRepeats)
  if (!Number.isInteger(count) || request.from.port + count > 65_536)
    throw bad('count', 'a whole number of ports that there are')
  if (spec['sizes'] === undefined) return { ...common, kind: 'repeat', count, request }
  const sizes = list(spec, 'sizes', count, (value) => readSize({ value }, 'value'))
  if (sizes.length !== count) throw bad('sizes', 'one for each of the requests')
  const dontFragment = spec['dontFragment'] === true
  return { ...common, kind: 'repeat', count, request, sizes, dontFragment }
}

function sizeIn(spec: Record<string, unknown>): Size {
  return {
    ...(spec['size'] !== undefined && { size: readSize(spec, 'size') }),
    ...(spec['dontFragment'] === true && { dontFragment: true }),
  }
}

/** An IP header, eight bytes of UDP or ICMP, and 20 by which the packet is known again. */
function readSize(spec: Record<string, unknown>, field: string): number {
  return Math.floor(readNumber(spec, field, 48, 65_535))
}

function readAt(value: unknown): At {
  const at = record(value)
  if (at['kind'] === 'machine') return { kind: 'machine' }
  if (at['kind'] === 'pod') return { kind: 'pod', name: readPodKey(at['name'], 'at.name') }
  throw bad('at', "{ kind: 'pod', name: 'NAMESPACE/NAME' } or { kind: 'machine' }")
}

const nameShape = /^[a-z0-9_]([-a-z0-9_.]*[a-z0-9_])?\.?$/i

function sending(spec: Record<string, unknown>, leastPort: 0 | 1 = 1): Sending {
  const end = (field: 'from' | 'to', least: 0 | 1): Sending['from'] => {
    const one = record(spec[field])
    const port = least === 0 && one['port'] === 0 ? 0 : readPort(one, 'port')
    return { address: readAddress(one['address'], `${field}.address`), port }
  }
  return { from: end('from', 1), to: end('to', leastPort) }
}
