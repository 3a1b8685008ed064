import { type Protocol, protocols } from './layout/keys.ts'

/** The protocol of a port, TCP where it is left out; undefined for one that no service can have. */
export function protocolOf(name: string | undefined): Protocol | undefined {
  const protocol = name ?? 'TCP'
  return Object.hasOwn(protocols, protocol) ? (protocol as Protocol) : undefined
}

export function isPort(port: number | undefined): port is number {
  return Number.isInteger(port) && (port as number) > 0 && (port as number) < 65536
}
