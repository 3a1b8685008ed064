import { type EndpointSlice, serviceNameLabel } from '../../api/objects/endpointslice.ts'
import type { Service } from '../../api/objects/service.ts'
import type { Address, Cidr } from '../../base/address.ts'
import type { ResourceRecord } from '../wire/message.ts'
import { wireName } from '../wire/name.ts'
import { addressRecords, findName } from './find.ts'
import { Pods, type PodSearch } from './pods.ts'
import { type Owner, ReverseIndex } from './reverse-index.ts'
import { addressesNamed, clusterIPs, ServiceRecords } from './service.ts'

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
  /** `owner` keeps answers until it changes; without one the answer is not to be kept. */
  | { kind: 'records'; from: string; answers: ResourceRecord[]; additionals: ResourceRecord[]; owner?: Owner }
  | { kind: 'alias'; from: string; target: string }
  /** `apex`: how many of the question's last labels are the name of the zone whose SOA belongs into the answer. */
  | { kind: 'no data' | 'no such name'; apex: number; owner?: Owner }
  | { kind: 'not ours' }

interface ServiceState extends Owner {
  service?: Service
  /** Mostly one: a list takes less than a Map. */
  slices: readonly EndpointSlice[]
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
  /** The labels of its name. */
  readonly apex: readonly string[]
  /** By `NAME.NAMESPACE`. */
  readonly #services = new Map<string, ServiceState>()
  /** Services that there are, by the first two labels of their names, in wire form. */
  readonly #named = new Map<string, Owner>()
  readonly #recent = new Map<string, ServiceRecords>()
  readonly #namespaces = new Set<string>()
  /** How many services are in each. */
  readonly #inNamespace = new Map<string, number>()
  readonly #reverse = new ReverseIndex()
  /** Where pods are followed: for verified pod records, and for autopath. */
  readonly #pods = new Pods()

  constructor(options: ZoneOptions) {
    this.options = options
    this.serial = options.now()
    this.apex = options.zone.split('.')
  }

  /** Other options for the same objects: the name of the zone and whether pods are known stay. */
  configure(options: Omit<ZoneOptions, 'zone' | 'now'>): void {
    this.options = { ...this.options, ...options }
    for (const owners of [this.#services.values(), this.#reverse.owners()])
      for (const owner of owners) owner.ready = undefined
  }

  namespace(name: string, exists: boolean): void {
    this.#changed()
    if (exists) this.#namespaces.add(name)
    else this.#namespaces.delete(name)
  }

  service(service: Service, exists: boolean): void {
    const key = `${service.metadata.name}.${service.metadata.namespace ?? 'default'}`
    this.#change(key, (state) => {
      if (exists !== (state.service !== undefined))
        this.#count(service.metadata.namespace ?? 'default', exists ? 1 : -1)
      if (exists) state.service = service
      else delete state.service
    })
  }

  slice(slice: EndpointSlice, exists: boolean): void {
    const { name, namespace = 'default', labels } = slice.metadata
    const owner = labels?.[serviceNameLabel]
    if (owner === undefined) return
    this.#change(`${owner}.${namespace}`, (state) => {
      const others = state.slices.filter(({ metadata }) => metadata.name !== name)
      state.slices = exists ? [...others, slice] : others
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

  /** The service `NAME.NAMESPACE`, given in wire form without the root: `\x03web\x04shop`. */
  named(wire: string): Owner | undefined {
    return this.#named.get(wire)
  }

  /** Who changes when the names of an address do; undefined: it has none. */
  pointer(address: Address): Owner | undefined {
    return this.#reverse.at(address)
  }

  /** Labels in lower case, the first one first; a label may hold any bytes. */
  find(labels: readonly string[], type: number): Found {
    return findName(this, labels, type)
  }

  /** What a service says; `owner` changes when it does. undefined: there is none. */
  recordsOf(name: string, namespace: string): { records: ServiceRecords; owner: Owner } | undefined {
    const key = `${name}.${namespace}`
    const state = this.#services.get(key)
    const records = state && this.#recordsOf(state, key)
    return records && { records, owner: state }
  }

  /** A namespace, or a service that is in one which is not known yet. */
  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name) || this.#inNamespace.has(name)
  }

  /** Whether `A-B-C-D.NAMESPACE.pod` has its address. */
  hasPod(namespace: string, address: Address): boolean {
    const { pods } = this.options
    if (pods === 'disabled' || !this.hasNamespace(namespace)) return false
    return pods === 'insecure' || this.#pods.has(namespace, address)
  }

  /** Where this server is reached. */
  selfAddresses(): Address[] {
    const service = this.#services.get(this.options.self)?.service
    return service ? clusterIPs(service) : []
  }

  /** The names of an address; `owner` changes when they do. undefined: it has none. */
  pointersOf(address: Address): { targets: string[]; owner: Owner } | undefined {
    const owner = this.#reverse.at(address)
    const targets = [...(owner?.services ?? [])].flatMap((key) => {
      const state = this.#services.get(key)
      return (state && this.#recordsOf(state, key))?.targetsOf(address) ?? []
    })
    return owner && targets.length > 0 ? { targets, owner } : undefined
  }

  /** The server of the zone `name`, with its addresses. */
  nameServer(name: string): { answers: ResourceRecord[]; additionals: ResourceRecord[] } {
    const { zone, ttl } = this.options
    const target = `ns.dns.${zone}`
    const answers: ResourceRecord[] = [{ name, class: 1, ttl, type: 'NS', target }]
    return { answers, additionals: addressRecords(target, this.selfAddresses(), ttl) }
  }

  soa(name: string = this.options.zone): ResourceRecord {
    const { zone, ttl } = this.options
    const times = { refresh: 7200, retry: 1800, expire: 86400, minimum: ttl }
    const names = { mname: `ns.dns.${zone}`, rname: `hostmaster.${zone}` }
    return { name, class: 1, ttl, type: 'SOA', ...names, serial: this.serial, ...times }
  }

  #recordsOf(state: ServiceState, key: string): ServiceRecords | undefined {
    const known = this.#recent.get(key)
    if (known || !state.service) return known
    const made = new ServiceRecords(state.service, state.slices, `${key}.svc.${this.options.zone}`)
    if (this.#recent.size >= mostRecent) this.#recent.delete(this.#recent.keys().next().value ?? '')
    this.#recent.set(key, made)
    return made
  }

  #count(namespace: string, more: number): void {
    const count = (this.#inNamespace.get(namespace) ?? 0) + more
    if (count > 0) this.#inNamespace.set(namespace, count)
    else this.#inNamespace.delete(namespace)
  }

  #change(key: string, act: (state: ServiceState) => void): void {
    this.#changed()
    const state: ServiceState = this.#services.get(key) ?? { slices: [], ready: undefined, addresses: [] }
    this.#services.set(key, state)
    act(state)
    const name = wireName(key)?.slice(0, -1) ?? ''
    if (state.service) this.#named.set(name, state)
    else this.#named.delete(name)
    this.#recent.delete(key)
    state.ready = undefined
    const addresses = addressesNamed(state.service, state.slices)
    this.#reverse.move(key, state.addresses, addresses)
    state.addresses = [...addresses]
    if (!state.service && state.slices.length === 0) this.#services.delete(key)
  }

  #changed(): void {
    this.serial = Math.max(this.serial, this.options.now())
  }
}
