import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Service } from '../../api/objects/service.ts'
import { type Address, family, parseAddress } from '../../base/address.ts'
import { nameToWire } from '../wire/name.ts'

/** What one name says. Every other type of an existing name is "no data". */
export interface NameRecords {
  addresses: Address[]
  ports: PortRecord[]
}

/** One SRV record and the addresses of its target. */
export interface PortRecord {
  weight: number
  port: number
  target: string
  addresses: Address[]
}

/** All that a service puts into the zone. */
export interface ServiceRecords {
  /** By the labels left of the service's name, in lower case: '', `web-0`, `_http._tcp`, and `_tcp`, which is empty. */
  names: Map<string, NameRecords>
  /** An ExternalName service has only this. */
  alias?: string
  /** Addresses that have a name here. */
  reverse: { address: Address; target: string }[]
}

/**
 * The records of a service and its endpoint slices: the rules of the Kubernetes DNS specification 1.1.0, sections 2.3 and
 * 2.4. `name` is the service's whole name. No names at all: a query for any of them is answered "no such name".
 */
export function serviceRecords(service: Service, slices: Iterable<EndpointSlice>, name: string): ServiceRecords {
  const records: ServiceRecords = { names: new Map(), reverse: [] }
  const { type, externalName } = service.spec
  if (type === 'ExternalName') {
    const alias = (externalName ?? '').replace(/\.$/, '').toLowerCase()
    // An address written as an external name is not resolved by cluster DNS.
    if (alias !== '' && nameToWire(alias) && parseAddress(alias) === undefined) records.alias = alias
    return records
  }
  const endpoints = endpointsOf(service, slices)
  const own = service.spec.clusterIP === 'None' ? headless(endpoints, name) : addressed(service, name)
  if (own.length === 0) return records

  records.names.set('', { addresses: unique(own.flatMap((entry) => entry.addresses)), ports: weigh(own) })
  for (const [under, entries] of byPortName(own)) {
    records.names.set(under, { addresses: [], ports: weigh(entries) })
    records.names.set(under.slice(under.indexOf('.') + 1), { addresses: [], ports: [] })
  }
  for (const [label, entries] of groups(headless(endpoints, name), (entry) => entry.label))
    records.names.set(label, { addresses: unique(entries.flatMap((entry) => entry.addresses)), ports: weigh(entries) })

  for (const address of clusterIPs(service)) records.reverse.push({ address, target: name })
  for (const { address, label } of endpoints) records.reverse.push({ address, target: `${label}.${name}` })
  return records
}

/** Every address that may stand in {@link ServiceRecords.reverse}, found without making the records. */
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
  label: string
  target: string
  addresses: Address[]
  port: number
  portName: string
  protocol: string
}

interface ReadyEndpoint {
  address: Address
  label: string
  ports: { name?: string; protocol?: string; port?: number }[]
}

function endpointsOf(service: Service, slices: Iterable<EndpointSlice>): ReadyEndpoint[] {
  const all = service.spec.publishNotReadyAddresses === true
  const found = new Map<string, ReadyEndpoint>()
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue
    for (const endpoint of slice.endpoints ?? []) {
      if (!all && endpoint.conditions?.ready === false) continue
      for (const address of addressesOf(endpoint.addresses)) {
        const label = labelOf(endpoint.hostname) ?? address.replaceAll(/[.:]/g, '-')
        const known = found.get(`${label} ${address}`)
        if (known) known.ports.push(...(slice.ports ?? []))
        else found.set(`${label} ${address}`, { address, label, ports: [...(slice.ports ?? [])] })
      }
    }
  }
  return [...found.values()]
}

function headless(endpoints: ReadyEndpoint[], name: string): Entry[] {
  return endpoints.flatMap(({ address, label, ports }) => {
    const target = `${label}.${name}`
    const numbered = ports.filter(({ port }) => port !== undefined)
    if (numbered.length === 0) return [{ label, target, addresses: [address], port: 0, portName: '', protocol: '' }]
    return numbered.map((port) => entry(label, target, address, port))
  })
}

function addressed(service: Service, name: string): Entry[] {
  const ports = service.spec.ports ?? []
  return clusterIPs(service).flatMap((address) =>
    ports.length === 0
      ? [{ label: '', target: name, addresses: [address], port: 0, portName: '', protocol: '' }]
      : ports.map((port) => entry('', name, address, port)),
  )
}

function entry(
  label: string,
  target: string,
  address: Address,
  { name = '', protocol = 'TCP', port = 0 }: { name?: string; protocol?: string; port?: number },
): Entry {
  return { label, target, addresses: [address], port, portName: labelOf(name) ?? '', protocol: protocol.toLowerCase() }
}

/** `_port._proto`: only named ports have such a name. */
function byPortName(entries: Entry[]): Map<string, Entry[]> {
  return groups(
    entries.filter(({ portName }) => portName !== ''),
    ({ portName, protocol }) => `_${portName}._${protocol}`,
  )
}

/** Weight 100/n, n counted before equal targets become one record. */
function weigh(entries: Entry[]): PortRecord[] {
  const weight = Math.max(1, Math.floor(100 / Math.max(1, entries.length)))
  const same = groups(
    entries.filter(({ port }) => port > 0),
    ({ target, port }) => `${target} ${port}`,
  )
  return [...same.values()].map((group) => ({
    weight,
    port: group[0]?.port ?? 0,
    target: group[0]?.target ?? '',
    addresses: unique(group.flatMap(({ addresses }) => addresses)),
  }))
}

/** Text from an object that can be one label, in lower case. */
function labelOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(text) ? text.toLowerCase() : undefined
}

function addressesOf(texts: readonly string[]): Address[] {
  return texts.map(parseAddress).filter((address) => address !== undefined)
}

function unique(addresses: Address[]): Address[] {
  return [...new Set(addresses)].sort((a, b) => family(a) - family(b))
}

function groups<T>(items: T[], keyOf: (item: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = found.get(key)
    if (group) group.push(item)
    else found.set(key, [item])
  }
  return found
}
