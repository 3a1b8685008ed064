import { type Address, type Family } from '../../base/address.ts'
import { concat, type Packed, packBe16, packU8, unpackAddress, unpackBe16 } from '../../kernel/nftables/packed.ts'

/** IANA's numbers of the protocols that a service's port may have. */
export const protocols = { TCP: 6, UDP: 17, SCTP: 132 } as const
export type Protocol = keyof typeof protocols

/** Where packets to a service are sent: an address, a protocol and a port. The key of `services` and of most sets. */
export function flowOf(service: Packed, protocol: Protocol, port: number): Packed {
  return concat(service, packU8(protocols[protocol]), packBe16(port))
}

export interface Flow {
  readonly address: Address
  readonly protocol: Protocol
  readonly port: number
}

/** The inverse of {@link flowOf}. */
export function readFlow(flow: Packed, family: Family): Flow {
  const length = family === 4 ? 4 : 16
  const number = flow.charCodeAt(length)
  const name = (Object.keys(protocols) as Protocol[]).find((protocol) => protocols[protocol] === number)
  return {
    address: unpackAddress(flow.slice(0, length) as Packed),
    protocol: name ?? 'TCP',
    port: unpackBe16(flow.slice(length + 4, length + 6) as Packed),
  }
}

/** What `endpoints` and `remembered` hold. */
export function endpointValue(address: Packed, port: number): Packed {
  return concat(address, packBe16(port))
}

/** The address in what {@link endpointValue} made. */
export function addressOf(endpoint: Packed): Packed {
  return endpoint.slice(0, -4) as Packed
}

/** The inverse of {@link endpointValue}. */
export function readEndpoint(value: Packed): { address: Address; port: number } {
  return { address: unpackAddress(addressOf(value)), port: unpackBe16(value.slice(-4, -2) as Packed) }
}

/** By the byte of a flow that names its protocol: 8 from its end. */
export function isUdp(flow: Packed): boolean {
  return flow.charCodeAt(flow.length - 8) === protocols.UDP
}
