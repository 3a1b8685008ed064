import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Service } from '../../api/objects/service.ts'
import { type Address, family, parseAddress } from '../../base/address.ts'
import { nameToWire } from '../wire/name.ts'
import { addressesOf, endpointsOf, labelOf, type ReadyEndpoint } from './endpoints.ts'

/** What one name says. Every other type of an existing name is "no data". */
export interface NameRecords {
  readonly addresses: readonly Address[]
  readonly ports: readonly PortRecord[]
}

/** One SRV record and the addresses of its target. */
export interface PortRecord {
  readonly weight: number
  readonly port: number
  readonly target: string
  readonly addresses: readonly Address[]
}

/**
 * The records of a service and its endpoint slices: the rules of the Kubernetes DNS specification 1.1.0, sections 2.3 and
 * 2.4. Made when they are asked for: of a service with thousands of endpoints mostly one name is.
 */
export class ServiceRecords {
  /** An ExternalName service has only this. */
  readonly alias: string | undefined
  readonly #service: Service
  /** The service's whole name. */
  readonly #name: string
  /** No names at all: a query for any of them is answered "no such name". */
  readonly #exists: boolean
  readonly #endpoints: readonly ReadyEndpoint[]
  #own: NameRecords | undefined
  #byPort: Map<string, NameRecords> | undefined
  #byLabel: Map<string, ReadyEndpoint[]> | undefined

  constructor(service: Service, slices: Iterable<EndpointSlice>, name: string) {
    this.#service = service
    this.#name = name
    const external = service.spec.type === 'ExternalName'
    this.alias = external ? aliasOf(service) : undefined
    this.#endpoints = external ? [] : endpointsOf(service, slices)
    this.#exists = !external && (isHeadless(service) ? this.#endpoints : clusterIPs(service)).length > 0
  }

  /** `under`: the labels left of the service's name, in lower case: '', `web-0`, `_http._tcp`, and `_tcp`, which is empty. */
  at(under: string): NameRecords | undefined {
    if (!this.#exists) return undefined
    if (under === '') return (this.#own ??= namesOf(this.#addresses(), () => this.#ownEntries()))
    this.#byLabel ??= groups(this.#endpoints, ({ label }) => label)
    const endpoints = this.#byLabel.get(under)
    if (endpoints) return namesOf(addressesIn(endpoints), () => this.#headless(endpoints))
    if (!under.startsWith('_')) return undefined
    this.#byPort ??= byPortName(this.#ownEntries())
    return this.#byPort.get(under)
  }

  /** The names that an address has here. */
  targetsOf(address: Address): string[] {
    if (!this.#exists) return []
    const own = clusterIPs(this.#service).includes(address) ? [this.#name] : []
    const endpoints = this.#endpoints.filter((endpoint) => endpoint.address === address)
    return [...own, ...endpoints.map(({ label }) => `${label}.${this.#name}`)]
  }

  #addresses(): Address[] {
    return isHeadless(this.#service) ? addressesIn(this.#endpoints) : unique(clusterIPs(this.#service))
  }

  #ownEntries(): Entry[] {
    return isHeadless(this.#service) ? this.#headless(this.#endpoints) : addressed(this.#service, this.#name)
  }

  #headless(endpoints: readonly ReadyEndpoint[]): Entry[] {
    return endpoints.flatMap(({ address, label, ports }) => {
      const target = `${label}.${this.#name}`
      const numbered = ports.filter(({ port }) => port !== undefined)
      if (numbered.length === 0) return [{ target, address, port: 0, portName: '', protocol: '' }]
      return numbered.map((port) => entry(target, address, port))
    })
  }
}

/** Every address that {@link ServiceRecords.targetsOf} may have names for, found without making the records. */
export function addressesNamed(service: Service | undefined, slices: Iterable<EndpointSlice>): Set<Address> {
  const found = new Set(service ? clusterIPs(service) : [])
  if (!service || service.spec.type === 'ExternalName') return found
  for (const slice of slices)
    if (slice.addressType !== 'FQDN')
      for (const { addresses } of slice.endpoints ?? [])
        for (const address of addressesOf(addresses)) found.add(address)
  return found
}

export function clusterIPs(service: Service): Address[] {
  const { clusterIPs: many, clusterIP } = service.spec
  return addressesOf(many && many.length > 0 ? many : [clusterIP ?? ''])
}

/** One address, one port of it: what the specification counts for a weight. A portless one has port 0 and no SRV record. */
interface Entry {
  target: string
  address: Address
  port: number
  portName: string
  protocol: string
}

function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === 'None'
}

function aliasOf({ spec: { externalName = '' } }: Service): string | undefined {
  const alias = externalName.replace(/\.$/, '').toLowerCase()
  // An address written as an external name is not resolved by cluster DNS.
  return alias !== '' && nameToWire(alias) && parseAddress(alias) === undefined ? alias : undefined
}

function addressed(service: Service, name: string): Entry[] {
  const ports = service.spec.ports ?? []
  return clusterIPs(service).flatMap((address) =>
    ports.length === 0
      ? [{ target: name, address, port: 0, portName: '', protocol: '' }]
      : ports.map((port) => entry(name, address, port)),
  )
}

function entry(
  target: string,
  address: Address,
  { name = '', protocol = 'TCP', port = 0 }: ReadyEndpoint['ports'][number],
): Entry {
  return { target, address, port, portName: labelOf(name) ?? '', protocol: protocol.toLowerCase() }
}

/** `_port._proto`: only named ports have such a name. The name above it is there, and empty. */
function byPortName(entries: readonly Entry[]): Map<string, NameRecords> {
  const named = groups(
    entries.filter(({ portName }) => portName !== ''),
    ({ portName, protocol }) => `_${portName}._${protocol}`,
  )
  const found = new Map<string, NameRecords>()
  for (const [under, group] of named) {
    found.set(
      under,
      namesOf([], () => group),
    )
    found.set(under.slice(under.indexOf('.') + 1), { addresses: [], ports: [] })
  }
  return found
}

function namesOf(addresses: readonly Address[], entries: () => readonly Entry[]): NameRecords {
  let ports: PortRecord[] | undefined
  return {
    addresses,
    get ports() {
      return (ports ??= weigh(entries()))
    },
  }
}

/** Weight 100/n, n counted before equal targets become one record. */
function weigh(entries: readonly Entry[]): PortRecord[] {
  const weight = Math.max(1, Math.floor(100 / Math.max(1, entries.length)))
  const same = groups(
    entries.filter(({ port }) => port > 0),
    ({ target, port }) => `${target} ${port}`,
  )
  return [...same.values()].map((group) => ({
    weight,
    port: group[0]?.port ?? 0,
    target: group[0]?.target ?? '',
    addresses: addressesIn(group),
  }))
}

function addressesIn(of: readonly { address: Address }[]): Address[] {
  return unique(of.map(({ address }) => address))
}

/** IPv4 first. */
function unique(addresses: readonly Address[]): Address[] {
  const all = [...new Set(addresses)]
  const [first, second]: [Address[], Address[]] = [[], []]
  for (const address of all) (family(address) === 4 ? first : second).push(address)
  return second.length === 0 ? first : [...first, ...second]
}

function groups<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = found.get(key)
    if (group) group.push(item)
    else found.set(key, [item])
  }
  return found
}
