import { type Address, family } from '../../base/address.ts'
import { type Data, type ResourceRecord, types } from '../wire/message.ts'
import { podAddress } from './pods.ts'
import type { NameRecords, PortRecord } from './service.ts'
import type { Found, Zone } from './zone.ts'

/** What a name of the cluster's zone says. Labels in lower case, the first one first; a label may hold any bytes. */
export function findName(zone: Zone, labels: readonly string[], type: number): Found {
  const { apex } = zone
  const depth = labels.length - apex.length
  if (depth < 0 || apex.some((label, at) => labels[depth + at] !== label)) return { kind: 'not ours' }
  // A dot inside a label would make it look like two.
  if (labels.some((label) => label.includes('.'))) return none('no such name', zone)
  const own = labels.slice(0, depth)
  switch (own.at(-1)) {
    case undefined:
      return atApex(zone, type)
    case 'svc':
      return findService(zone, own.slice(0, -1), type)
    case 'pod':
      return findPod(zone, own.slice(0, -1), type)
    case 'dns':
      return findNameServer(zone, own, type)
    case 'dns-version':
      if (depth > 1) return none('no such name', zone)
      return records(zone, type === types.TXT ? [{ type: 'TXT', strings: ['1.1.0'] }] : [], 'dns-version.')
    default:
      return none('no such name', zone)
  }
}

function findService(zone: Zone, labels: string[], type: number): Found {
  const namespace = labels.at(-1)
  if (namespace === undefined) return none('no data', zone)
  const name = labels.at(-2)
  if (name === undefined) return none(zone.hasNamespace(namespace) ? 'no data' : 'no such name', zone)
  const service = zone.recordsOf(name, namespace)
  if (!service) return none('no such name', zone)
  const from = `service ${namespace}/${name}`
  const under = labels.slice(0, -2).join('.')
  const { alias } = service.records
  if (alias !== undefined && under === '') return { kind: 'alias', from, target: alias }
  const here = service.records.at(under)
  if (!here) return none('no such name', zone)
  const found = records(zone, dataOf(here, type), [...labels, 'svc', ''].join('.'))
  if (found.kind !== 'records') return { ...none('no data', zone), owner: service.owner }
  const additionals = type === types.SRV ? targets(here.ports, zone.options.ttl) : []
  return { ...found, from, additionals, owner: service.owner }
}

function findPod(zone: Zone, [label, namespace, ...more]: string[], type: number): Found {
  if (namespace === undefined) {
    // `pod` alone, or a namespace under it.
    const exists = label === undefined || (zone.options.pods !== 'disabled' && zone.hasNamespace(label))
    return none(exists ? 'no data' : 'no such name', zone)
  }
  const address = label === undefined || more.length > 0 ? undefined : podAddress(label)
  if (address === undefined || !zone.hasPod(namespace, address)) return none('no such name', zone)
  return records(zone, dataOf({ addresses: [address], ports: [] }, type), `${label}.${namespace}.pod.`)
}

function findNameServer(zone: Zone, own: string[], type: number): Found {
  if (own.length === 1) return none('no data', zone)
  if (own.length > 2 || own[0] !== 'ns') return none('no such name', zone)
  return records(zone, dataOf({ addresses: zone.selfAddresses(), ports: [] }, type), 'ns.dns.')
}

function atApex(zone: Zone, type: number): Found {
  const name = zone.options.zone
  if (type === types.NS) return { kind: 'records', from: `zone ${name}`, ...zone.nameServer(name) }
  return records(zone, type === types.SOA ? [zone.soa()] : [])
}

/** `owner`: the part of the name left of the zone, with its dot. */
function records(zone: Zone, data: Data[], owner = ''): Found {
  if (data.length === 0) return none('no data', zone)
  const { zone: apex, ttl } = zone.options
  const answers = data.map((one): ResourceRecord => ({ name: `${owner}${apex}`, class: 1, ttl, ...one }))
  return { kind: 'records', from: `zone ${apex}`, answers, additionals: [] }
}

function none(kind: 'no data' | 'no such name', zone: Zone): Extract<Found, { apex: number }> {
  return { kind, apex: zone.apex.length }
}

function targets(ports: readonly PortRecord[], ttl: number): ResourceRecord[] {
  const byTarget = new Map<string, Address[]>()
  for (const { target, addresses } of ports) byTarget.set(target, [...(byTarget.get(target) ?? []), ...addresses])
  return [...byTarget].flatMap(([target, addresses]) => addressRecords(target, [...new Set(addresses)], ttl))
}

export function addressRecords(name: string, addresses: readonly Address[], ttl: number): ResourceRecord[] {
  return addresses.map((address) => ({ name, class: 1, ttl, type: family(address) === 4 ? 'A' : 'AAAA', address }))
}

function dataOf({ addresses, ports }: NameRecords, type: number): Data[] {
  if (type === types.A || type === types.AAAA) {
    const wanted = type === types.A ? 4 : 6
    const kind = type === types.A ? 'A' : 'AAAA'
    return addresses.filter((address) => family(address) === wanted).map((address) => ({ type: kind, address }))
  }
  if (type !== types.SRV) return []
  return ports.map(({ weight, port, target }) => ({ type: 'SRV', priority: 0, weight, port, target }))
}
