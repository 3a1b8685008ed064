import { type EndpointSlice, serviceNameLabel } from '../../api/objects/endpointslice.ts'
import type { Service } from '../../api/objects/service.ts'
import { type Address, type Cidr, family } from '../../base/address.ts'
import type { Data, ResourceRecord } from '../wire/message.ts'
import { types } from '../wire/message.ts'
import { nameToWire } from '../wire/name.ts'
import { podAddress, Pods, type PodSearch } from './pods.ts'
import { type Owner, ReverseIndex } from './reverse-index.ts'
import {
  addressesNamed,
  clusterIPs,
  type NameRecords,
  type PortRecord,
  type ServiceRecords,
  serviceRecords,
} from './service.ts'

export interface ZoneOptions {
  /** Lower case, without a dot at the end: `cluster.local`. */
  zone: string
  /** Seconds that resolvers may keep an answer. */
  ttl: number
  /**
   * `A-B-C-D.NAMESPACE.pod.ZONE`: never, for any address in a namespace that exists (what clusters do), or only for an
   * address that a pod of that namespace has.
   */
  pods: 'disabled' | 'insecure' | 'verified'
  /** Ranges whose reverse names are this zone's alone, so that a miss is "no such name" and is not asked elsewhere. */
  reverse: readonly Cidr[]
  /** The service that this server is reached by, as `NAME.NAMESPACE`: its name server record. */
  self: string
  /** Seconds since 1970. */
  now: () => number
}

/** What a question finds; `from` says where, for people: `service shop/web`. */
export type Found =
  /** `owner` keeps the cache keys of answers that must go when it changes; without one the answer is not to be kept. */
  | { kind: 'records'; from: string; answers: ResourceRecord[]; additionals: ResourceRecord[]; owner?: Owner }
  | { kind: 'alias'; from: string; target: string }
  /** `apex`: how many of the question's last labels are the name of the zone whose SOA belongs into the answer. */
  | { kind: 'no data' | 'no such name'; apex: number; owner?: Owner }
  | { kind: 'not ours' }

interface ServiceState extends Owner {
  service?: Service
  slices: Map<string, EndpointSlice>
  /** Under these the service is in the reverse index. */
  addresses: readonly Address[]
}

/** Services whose records are kept after a question: what they are made from is in memory anyway, in less room. */
const mostRecent = 1000

/** The cluster's names, kept from objects. A change touches only the names of the service concerned. */
export class Zone {
  options: Readonly<ZoneOptions>
  /** The SOA's: the time of the last change. */
  serial: number
  /** Called with the cache keys of answers that a change has made stale. */
  onStale: (keys: readonly string[]) => void = () => {}
  readonly #apex: string[]
  /** By `NAME.NAMESPACE`. */
  readonly #services = new Map<string, ServiceState>()
  /** The first two labels of the names of services, in wire form. */
  readonly #names = new Set<string>()
  readonly #svcWire: string
  readonly #recent = new Map<string, ServiceRecords>()
  readonly #namespaces = new Set<string>()
  readonly #reverse = new ReverseIndex()
  /** Where pods are followed: for verified pod records, and for autopath. */
  readonly #pods = new Pods()

  constructor(options: ZoneOptions) {
    this.options = options
    this.serial = options.now()
    this.#apex = options.zone.split('.')
    this.#svcWire = wireText(`svc.${options.zone}`)
  }

  /** Other options for the same objects: the name of the zone and whether pods are known stay. */
  configure(options: Omit<ZoneOptions, 'zone' | 'now'>): void {
    this.options = { ...this.options, ...options }
    for (const state of this.#services.values()) this.#stale(state)
  }

  namespace(name: string, exists: boolean): void {
    this.#changed()
    if (exists) this.#namespaces.add(name)
    else this.#namespaces.delete(name)
  }

  service(service: Service, exists: boolean): void {
    const key = `${service.metadata.name}.${service.metadata.namespace ?? 'default'}`
    this.#change(key, (state) => {
      if (exists) state.service = service
      else delete state.service
    })
  }

  slice(slice: EndpointSlice, exists: boolean): void {
    const { name, namespace = 'default', labels } = slice.metadata
    const owner = labels?.[serviceNameLabel]
    if (owner === undefined) return
    this.#change(`${owner}.${namespace}`, (state) => {
      if (exists) state.slices.set(name, slice)
      else state.slices.delete(name)
    })
  }

  /** The addresses that a pod has now, and the search domains as {@link PodSearch} has them. */
  pod(namespace: string, name: string, addresses: readonly Address[], searches?: readonly string[]): void {
    if (this.options.pods === 'verified') this.#changed()
    this.#pods.set(namespace, name, addresses, searches)
  }

  /** `key`: `NAME.NAMESPACE`. */
  hasService(key: string): boolean {
    return this.#services.get(key)?.service !== undefined
  }

  /** Of the pod that asks from an address. */
  searchOf(address: Address): PodSearch | undefined {
    return this.#pods.searchOf(address)
  }

  /** Whether a name, in lower case and wire form, is below `svc` of this zone and no service has it or a name that it is below. In doubt false. */
  isMissing(name: string): boolean {
    const end = name.length - this.#svcWire.length
    if (end <= 0 || !name.endsWith(this.#svcWire)) return false
    let [at, last, before] = [0, 0, -1]
    while (at < end) {
      before = at === 0 ? -1 : last
      last = at
      at += 1 + name.charCodeAt(at)
    }
    return at === end && before >= 0 && !this.#names.has(name.slice(before, end))
  }

  /** Labels in lower case, the first one first; a label may hold any bytes. */
  find(labels: readonly string[], type: number): Found {
    const depth = labels.length - this.#apex.length
    if (depth < 0 || this.#apex.some((label, at) => labels[depth + at] !== label)) return { kind: 'not ours' }
    // A dot inside a label would make it look like two.
    if (labels.some((label) => label.includes('.'))) return this.#none('no such name')
    const own = labels.slice(0, depth)
    switch (own.at(-1)) {
      case undefined:
        return this.#atApex(type)
      case 'svc':
        return this.#findService(own.slice(0, -1), type)
      case 'pod':
        return this.#findPod(own.slice(0, -1), type)
      case 'dns':
        return this.#findNameServer(own, type)
      case 'dns-version':
        if (depth > 1) return this.#none('no such name')
        return this.#records(type === types.TXT ? [{ type: 'TXT', strings: ['1.1.0'] }] : [], 'dns-version.')
      default:
        return this.#none('no such name')
    }
  }

  /** The names of an address; `owner` changes when they do. undefined: it has none. */
  pointersOf(address: Address): { targets: string[]; owner: Owner } | undefined {
    const owner = this.#reverse.at(address)
    const targets = [...(owner?.services ?? [])].flatMap((key) => {
      const state = this.#services.get(key)
      const reverse = state ? this.#recordsOf(state, key).reverse : []
      return reverse.filter((one) => one.address === address).map(({ target }) => target)
    })
    return owner && targets.length > 0 ? { targets, owner } : undefined
  }

  /** The server of the zone `name`, with its addresses. */
  nameServer(name: string): { answers: ResourceRecord[]; additionals: ResourceRecord[] } {
    const { zone, ttl } = this.options
    const target = `ns.dns.${zone}`
    const answers: ResourceRecord[] = [{ name, class: 1, ttl, type: 'NS', target }]
    return { answers, additionals: this.#addressRecords(target, this.#selfAddresses()) }
  }

  soa(name: string = this.options.zone): ResourceRecord {
    const { zone, ttl } = this.options
    const times = { refresh: 7200, retry: 1800, expire: 86400, minimum: ttl }
    const names = { mname: `ns.dns.${zone}`, rname: `hostmaster.${zone}` }
    return { name, class: 1, ttl, type: 'SOA', ...names, serial: this.serial, ...times }
  }

  #findService(labels: string[], type: number): Found {
    const namespace = labels.at(-1)
    if (namespace === undefined) return this.#none('no data')
    const name = labels.at(-2)
    if (name === undefined) return this.#none(this.#namespaces.has(namespace) ? 'no data' : 'no such name')
    const state = this.#services.get(`${name}.${namespace}`)
    const records = state && this.#recordsOf(state, `${name}.${namespace}`)
    const under = labels.slice(0, -2).join('.')
    if (records?.alias !== undefined && under === '')
      return { kind: 'alias', from: `service ${namespace}/${name}`, target: records.alias }
    const here = records?.names.get(under)
    if (!state || !here) return this.#none('no such name')
    const owner = [...labels, 'svc', ''].join('.')
    const found = this.#records(dataOf(here, type), owner)
    if (found.kind !== 'records') return { kind: 'no data', apex: this.#apex.length, owner: state }
    const additionals = type === types.SRV ? this.#targets(here.ports) : []
    return { ...found, from: `service ${namespace}/${name}`, additionals, owner: state }
  }

  #findPod([label, namespace, ...more]: string[], type: number): Found {
    if (namespace === undefined) {
      // `pod` alone, or a namespace under it.
      const exists = label === undefined || (this.options.pods !== 'disabled' && this.#namespaces.has(label))
      return this.#none(exists ? 'no data' : 'no such name')
    }
    const address = label === undefined ? undefined : podAddress(label)
    const { pods } = this.options
    const known =
      address !== undefined &&
      more.length === 0 &&
      ((pods === 'insecure' && this.#namespaces.has(namespace)) ||
        (pods === 'verified' && this.#pods.has(namespace, address)))
    if (!known) return this.#none('no such name')
    return this.#records(dataOf({ addresses: [address], ports: [] }, type), `${label}.${namespace}.pod.`)
  }

  #findNameServer(own: string[], type: number): Found {
    if (own.length === 1) return this.#none('no data')
    if (own.length > 2 || own[0] !== 'ns') return this.#none('no such name')
    return this.#records(dataOf({ addresses: this.#selfAddresses(), ports: [] }, type), 'ns.dns.')
  }

  #atApex(type: number): Found {
    const { zone } = this.options
    if (type === types.NS) return { kind: 'records', from: `zone ${zone}`, ...this.nameServer(zone) }
    return this.#records(type === types.SOA ? [this.soa()] : [])
  }

  #selfAddresses(): Address[] {
    const service = this.#services.get(this.options.self)?.service
    return service ? clusterIPs(service) : []
  }

  /** `owner`: the part of the name left of the zone, with its dot. */
  #records(data: Data[], owner = ''): Found {
    if (data.length === 0) return this.#none('no data')
    const name = `${owner}${this.options.zone}`
    const answers = data.map((one): ResourceRecord => ({ name, class: 1, ttl: this.options.ttl, ...one }))
    return { kind: 'records', from: `zone ${this.options.zone}`, answers, additionals: [] }
  }

  #targets(ports: readonly PortRecord[]): ResourceRecord[] {
    const byTarget = new Map<string, Address[]>()
    for (const { target, addresses } of ports) byTarget.set(target, [...(byTarget.get(target) ?? []), ...addresses])
    return [...byTarget].flatMap(([target, addresses]) => this.#addressRecords(target, [...new Set(addresses)]))
  }

  #addressRecords(name: string, addresses: readonly Address[]): ResourceRecord[] {
    const { ttl } = this.options
    return addresses.map((address) => ({ name, class: 1, ttl, type: family(address) === 4 ? 'A' : 'AAAA', address }))
  }

  #none(kind: 'no data' | 'no such name'): Found {
    return { kind, apex: this.#apex.length }
  }

  #recordsOf(state: ServiceState, key: string): ServiceRecords {
    const known = this.#recent.get(key)
    if (known) return known
    if (!state.service) return { names: new Map(), reverse: [] }
    const made = serviceRecords(state.service, state.slices.values(), `${key}.svc.${this.options.zone}`)
    if (this.#recent.size >= mostRecent) this.#recent.delete(this.#recent.keys().next().value ?? '')
    this.#recent.set(key, made)
    return made
  }

  #change(key: string, act: (state: ServiceState) => void): void {
    this.#changed()
    const state: ServiceState = this.#services.get(key) ?? { slices: new Map(), keys: [], addresses: [] }
    this.#services.set(key, state)
    act(state)
    const name = wireText(key).slice(0, -1)
    if (state.service) this.#names.add(name)
    else this.#names.delete(name)
    this.#recent.delete(key)
    this.#stale(state)
    const addresses = addressesNamed(state.service, state.slices.values())
    this.#reverse.move(key, state.addresses, addresses, (owner) => this.#stale(owner))
    state.addresses = [...addresses]
    if (!state.service && state.slices.size === 0) this.#services.delete(key)
  }

  #stale(owner: Owner): void {
    if (owner.keys.length === 0) return
    this.onStale(owner.keys)
    owner.keys = []
  }

  #changed(): void {
    this.serial = Math.max(this.serial, this.options.now())
  }
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

function wireText(name: string): string {
  return Buffer.from(nameToWire(name) ?? []).toString('latin1')
}
