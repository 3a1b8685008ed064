import { type Address, parseAddress } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import type { Transport } from '../types.ts'

/** What is to be watched on one machine. */
export interface WatchSpec {
  /** Eight hexadecimal digits: tells one trace from another. */
  readonly id: string
  readonly protocol: Transport
  /** From which the request is sent; of an echo request (ICMP) its identifier. */
  readonly port: number
  /** So many requests are sent, from ports in a row. Default: one. */
  readonly span?: number
  /** The sender's first; then everything that the request may be translated to. */
  readonly addresses: readonly Address[]
  /** Pods on this machine whose ends of their cables are watched too: `namespace/name`. */
  readonly pods: readonly string[]
  /** The request is sent by a socket of this machine itself, not by a pod's: what such sockets send and get is told, too. */
  readonly isSender?: boolean
  /** Packets are kept as long as they are; else their headers. */
  readonly whole?: boolean
  /** Watching ends after this time even if nobody says so. */
  readonly seconds: number
}

/** Checks what came over the wire. */
export function readWatchSpec(value: unknown): WatchSpec {
  const spec = record(value)
  return {
    id: readTraceId(spec),
    protocol: readProtocol(spec),
    port: readPort(spec, 'port'),
    ...(spec['span'] !== undefined && { span: readSpan(spec) }),
    addresses: list(spec, 'addresses', 4096, readAddress),
    pods: list(spec, 'pods', 64, readPodKey),
    ...(spec['isSender'] === true && { isSender: true }),
    ...readFlag(spec, 'whole'),
    seconds: readNumber(spec, 'seconds', 0.1, 300),
  }
}

/** Most ports that are watched at once. */
export const mostSpan = 64

function readSpan(spec: Record<string, unknown>): number {
  const span = readNumber(spec, 'span', 1, mostSpan)
  if (!Number.isInteger(span) || readPort(spec, 'port') + span > 65_536)
    throw bad('span', 'a whole number of ports that there are')
  return span
}

export function readTraceId({ id }: Record<string, unknown>): string {
  if (typeof id !== 'string' || !/^[0-9a-f]{8}$/.test(id)) throw bad('id', 'eight hexadecimal digits')
  return id
}

export function readProtocol({ protocol }: Record<string, unknown>): Transport {
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp' && protocol !== 'icmp')
    throw bad('protocol', 'tcp, udp, sctp or icmp')
  return protocol
}

export function readPodKey(value: unknown, field = 'pod'): string {
  if (typeof value !== 'string' || !/^[a-z0-9][-a-z0-9]*\/[a-z0-9][-a-z0-9.]*$/.test(value) || value.length > 320)
    throw bad(field, 'NAMESPACE/NAME')
  return value
}

export function readAddress(value: unknown, field = 'address'): Address {
  const address = typeof value === 'string' ? parseAddress(value) : undefined
  if (address === undefined) throw bad(field, 'an IP address')
  return address
}

/** Absent or true. */
export function readFlag<Field extends string>(spec: Record<string, unknown>, field: Field): { [Key in Field]?: true } {
  const value = spec[field]
  if (value !== undefined && typeof value !== 'boolean') throw bad(field, 'true or false')
  return (value === true ? { [field]: true } : {}) as { [Key in Field]?: true }
}

export function readPort(spec: Record<string, unknown>, field: string): number {
  const value = spec[field]
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 65535)
    throw bad(field, 'a port from 1 to 65535')
  return value
}

export function readNumber(spec: Record<string, unknown>, field: string, least: number, most: number): number {
  const value = spec[field]
  if (typeof value !== 'number' || !(value >= least && value <= most))
    throw bad(field, `a number from ${least} to ${most}`)
  return value
}

export function readText(spec: Record<string, unknown>, field: string, shape: RegExp, longest: number): string {
  const value = spec[field]
  if (typeof value !== 'string' || value.length > longest || !shape.test(value))
    throw bad(field, `text of the form ${shape.source}`)
  return value
}

export function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('body', 'a JSON object')
  return value as Record<string, unknown>
}

export function list<T>(
  spec: Record<string, unknown>,
  field: string,
  most: number,
  read: (value: unknown, field: string) => T,
): T[] {
  const value = spec[field]
  if (!Array.isArray(value) || value.length > most) throw bad(field, `a list of at most ${most}`)
  return value.map((item: unknown, at) => read(item, `${field}[${at}]`))
}

export function bad(field: string, expected: string): KubehopError {
  return new KubehopError('trace', 'read the request', 'BadRequest', `"${field}" must be ${expected}`)
}
