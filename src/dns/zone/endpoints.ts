import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Service } from '../../api/objects/service.ts'
import { type Address, parseAddress } from '../../base/address.ts'

/** An address of a service that has a name, and its ports of all slices that it is in. */
export interface ReadyEndpoint {
  readonly address: Address
  /** The hostname, else the address. */
  readonly label: string
  readonly ports: NonNullable<EndpointSlice['ports']>
}

export function endpointsOf(service: Service, slices: Iterable<EndpointSlice>): ReadyEndpoint[] {
  const all = service.spec.publishNotReadyAddresses === true
  const found = new Map<string, ReadyEndpoint>()
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue
    const ports = slice.ports ?? none
    for (const endpoint of slice.endpoints ?? []) {
      if (!all && endpoint.conditions?.ready === false) continue
      for (const address of addressesOf(endpoint.addresses)) {
        const hostname = labelOf(endpoint.hostname)
        // An address is no label, so that it cannot be another one's key.
        const key = hostname === undefined ? address : `${hostname} ${address}`
        const known = found.get(key)
        const label = hostname ?? address.replaceAll(/[.:]/g, '-')
        found.set(key, { address, label, ports: known ? [...known.ports, ...ports] : ports })
      }
    }
  }
  return [...found.values()]
}

/** Text from an object that can be one label, in lower case. */
export function labelOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(text) ? text.toLowerCase() : undefined
}

export function addressesOf(texts: readonly string[]): Address[] {
  return texts.map(parseAddress).filter((address) => address !== undefined)
}

const none: ReadyEndpoint['ports'] = []
