import type { Packed } from '../kernel/nftables/packed.ts'
import type { Datum, Ruleset } from '../kernel/nftables/ruleset.ts'
import type { Transaction } from '../kernel/nftables/transaction.ts'
import { Claims, flowIn } from './claims.ts'
import { Counts } from './counts.ts'
import { baseChains, sourcesChain } from './layout/chains.ts'
import { type FamilyFacts, families } from './layout/family.ts'
import { listNumber, portOf, type Scope, serviceValue, wayOf } from './layout/numbers.ts'
import { readSlots, writeList } from './lists.ts'
import type { NodeFacts } from './node.ts'
import { PortNumbers } from './port-numbers.ts'
import type { FlowPortion, PortPortion, Portion } from './portion.ts'
import { settle } from './slots.ts'
import { type Source, sourceKey } from './sources.ts'
import { Store } from './store.ts'
import { Ways } from './ways.ts'

interface ServiceRecord {
  readonly key: string
  since: string
  clusterIP: Packed | undefined
  local: readonly Packed[]
  ports: readonly PortRecord[]
}

/** A port of a service as it stands in the table. */
interface PortRecord {
  readonly service: ServiceRecord
  readonly name: string
  /** 0 when numbers have run out: it is not served. */
  readonly number: number
  sticky: number
  anywhere: boolean
  flows: readonly FlowPortion[]
  /** Endpoints by slot. */
  cluster: readonly Packed[]
  local: readonly Packed[]
  /** What of them is in the table: nothing while other services have all its addresses. */
  written: Lists
}

interface Lists {
  readonly cluster: readonly Packed[]
  readonly local: readonly Packed[]
  readonly sticky: number
}

/** An address and port that a service does not get, because another has it. */
export interface Lost {
  readonly flow: Packed
  readonly kind: FlowPortion['kind']
  /** `namespace/name` of the service that has it. */
  readonly holder: string
}

/** All services of one address family together. A change of one costs what that service is large, not what the cluster is large. */
export class Book {
  readonly #facts: FamilyFacts
  readonly #store: Store
  readonly #services = new Map<string, ServiceRecord>()
  readonly #claims = new Claims<PortRecord>()
  readonly #ways: Ways
  readonly #numbers: PortNumbers
  readonly #clusterIPs: Counts
  readonly #local: Counts
  readonly #sources = new Map<Packed, readonly Source[]>()
  /** How many ranges have this length of prefix. */
  readonly #prefixes = new Map<number, number>()
  #before: Ruleset | undefined
  /** Numbers of ports that went since the last commit: when they come back at once, nothing has changed. */
  readonly #dropped = new Map<Packed, number>()

  /** `before`: what an earlier agent left in the kernel. Ports keep the numbers and endpoints the slots that they have there. */
  constructor(node: NodeFacts, before?: Ruleset) {
    this.#facts = families[node.serviceCidr.family]
    this.#store = new Store(this.#facts, [...baseChains(this.#facts, node), sourcesChain(this.#facts, [])])
    this.#before = before
    this.#ways = new Ways(this.#facts, this.#store, before)
    this.#numbers = new PortNumbers(before)
    this.#clusterIPs = new Counts((address, there) => this.#store.mark('service-ips', address, there))
    this.#local = new Counts((address, there) => this.#store.mark('hairpin', (address + address) as Packed, there))
  }

  /** The ruleset that is wanted. It is live: it changes with every `put`. */
  get wanted(): Ruleset {
    return this.#store.wanted
  }

  /**
   * Says what a service is now; undefined for one that is gone. Returns the other services that have won or lost an address by it: see
   * {@link lost}.
   */
  put(key: string, portion: Portion | undefined, since = ''): ReadonlySet<string> {
    const known = this.#services.get(key)
    if (!known && !portion) return nobody
    const service = known ?? { key, since, clusterIP: undefined, local: [], ports: [] }
    const touched = new Set<Packed>()
    for (const port of service.ports) for (const { flow } of port.flows) touched.add(flow)
    const aged = service.since !== since
    service.since = since
    const ports = (portion?.ports ?? []).map((port) => this.#port(service, port, aged, touched))
    for (const port of service.ports) if (!ports.includes(port)) this.#drop(port)
    service.ports = ports
    for (const flow of touched)
      for (const port of this.#claims.all(flow))
        this.#list(
          port,
          port.flows.some((each) => this.#claims.holder(each.flow) === port),
        )
    for (const flow of touched) this.#serve(flow)
    // The new ones first, so that what stays is not taken out and put in again.
    this.#clusterIPs.change(
      portion?.clusterIP === undefined ? [] : [portion.clusterIP],
      service.clusterIP === undefined ? [] : [service.clusterIP],
    )
    this.#local.change(portion?.local ?? [], service.local)
    service.clusterIP = portion?.clusterIP
    service.local = portion?.local ?? []
    if (portion) this.#services.set(key, service)
    else this.#services.delete(key)
    return this.#rivals(key, touched)
  }

  /** What the service says is its own, and others have. */
  lost(key: string): Lost[] {
    const lost: Lost[] = []
    for (const port of this.#services.get(key)?.ports ?? [])
      for (const { flow, kind } of port.flows) {
        const holder = this.#claims.holder(flow)
        if (holder && holder !== port) lost.push({ flow, kind, holder: holder.service.key })
      }
    return lost
  }

  /** The service that has an address and port, and the name of its port (`TCP/80`). */
  holder(flow: Packed): { service: string; port: string } | undefined {
    const port = this.#claims.holder(flow)
    return port && { service: port.service.key, port: port.name }
  }

  /** The endpoints that may serve an address and port now, inside and outside taken together; undefined when no service has it. */
  endpointsOf(flow: Packed): ReadonlySet<Packed> | undefined {
    const port = this.#claims.holder(flow)
    const how = port && flowIn(port, flow)
    if (!port || !how) return undefined
    const inside = how.scope === 'local' && how.kind !== 'clusterIP' ? port.cluster : []
    return new Set([...port[how.scope], ...inside])
  }

  /** What has changed since the last commit. */
  changes(): Transaction {
    return this.#store.changes()
  }

  /** What turns `kernel` into what is wanted, by comparing everything. */
  repair(kernel: Ruleset | undefined): Transaction {
    return this.#store.repair(kernel)
  }

  /** The kernel has everything. */
  commit(): void {
    this.#before = undefined
    this.#ways.forgetBefore()
    this.#numbers.forgetBefore()
    this.#dropped.clear()
    this.#store.commit()
  }

  /** What was wanted at the last commit. */
  committed(): Ruleset {
    return this.#store.committed()
  }

  /** Brings one port up to date, but for what its flows say. */
  #port(service: ServiceRecord, portion: PortPortion, aged: boolean, touched: Set<Packed>): PortRecord {
    const { name, sticky, anywhere, flows } = portion
    const known = service.ports.find((port) => port.name === name)
    const port = known ?? this.#newPort(service, name, flows)
    for (const { flow } of port.flows) if (!flowIn(portion, flow)) this.#claims.withdraw(flow, port)
    const before = port.flows
    port.flows = flows
    for (const { flow, kind } of flows) {
      touched.add(flow)
      const old = before.find((each) => each.flow === flow)
      if (aged || old?.kind !== kind) this.#claims.add(flow, port)
    }
    for (const scope of ['cluster', 'local'] as const) {
      const was = port[scope]
      const old = known || !this.#before ? was : readSlots(this.#before, listNumber(port.number, scope))
      const slots = settle(old, portion[scope])
      port[scope] = slots.length === was.length && slots.every((each, at) => each === was[at]) ? was : slots
    }
    port.sticky = sticky
    port.anywhere = anywhere
    return port
  }

  #newPort(service: ServiceRecord, name: string, flows: readonly FlowPortion[]): PortRecord {
    const earlier = this.#before?.sets.get('services')?.elements
    const before = flows.map(({ flow }) => this.#dropped.get(flow) ?? portOf(earlier?.get(flow)))
    const number = this.#numbers.take(before)
    return { service, name, number, anywhere: false, flows: [], ...nothing, written: nothing }
  }

  #drop(port: PortRecord): void {
    for (const { flow } of port.flows) {
      this.#claims.withdraw(flow, port)
      this.#dropped.set(flow, port.number)
    }
    this.#list(port, false)
    this.#numbers.free(port.number)
  }

  /** Writes a port's lists of endpoints, or takes them out. */
  #list(port: PortRecord, there: boolean): void {
    const { written } = port
    const wanted: Lists = there && port.number > 0 ? port : nothing
    if (wanted.cluster === written.cluster && wanted.local === written.local && wanted.sticky === written.sticky) return
    for (const scope of ['cluster', 'local'] as const)
      writeList(
        this.#store,
        listNumber(port.number, scope),
        { slots: written[scope], sticky: written.sticky > 0 },
        { slots: wanted[scope], sticky: wanted.sticky > 0 },
      )
    port.written = { cluster: wanted.cluster, local: wanted.local, sticky: wanted.sticky }
  }

  /** Writes what becomes of packets to an address and port. */
  #serve(flow: Packed): void {
    const port = this.#claims.holder(flow)
    const how = port && flowIn(port, flow)
    const served = port !== undefined && how !== undefined && port.number > 0 && port[how.scope].length > 0
    const external = how !== undefined && how.kind !== 'clusterIP'
    const inside = external && port !== undefined && how.scope === 'local' && port.number > 0 && port.cluster.length > 0
    this.#point('services', flow, served ? port : undefined, how?.scope ?? 'cluster')
    this.#point('inside', flow, inside ? port : undefined, 'cluster')
    this.#store.mark('no-endpoints', flow, port !== undefined && !served && !port.anywhere)
    this.#store.mark('no-local-endpoints', flow, port !== undefined && !served && port.anywhere)
    this.#store.mark('external', flow, external && served && how.scope === 'cluster')
    this.#store.mark('external-local', flow, inside)
    this.#restrict(flow, how?.sources)
  }

  #point(map: 'services' | 'inside', flow: Packed, port: PortRecord | undefined, scope: Scope): void {
    const before: Datum | undefined = this.#store.get(map, flow)
    if (port) {
      const way = this.#ways.take({ endpoints: port[scope].length, sticky: port.sticky, by: map })
      this.#store.write(map, flow, serviceValue(listNumber(port.number, scope), way))
    } else this.#store.delete(map, flow)
    if (before !== undefined) this.#ways.release(wayOf(before))
  }

  #restrict(flow: Packed, sources: readonly Source[] | undefined): void {
    const before = this.#sources.get(flow)
    if (!before && !sources) return
    this.#store.mark('restricted', flow, sources !== undefined)
    const now = new Set(sources?.map((source) => sourceKey(flow, source)))
    const old = new Map(before?.map((source) => [sourceKey(flow, source), source]))
    for (const [key, { prefix }] of old)
      if (!now.has(key)) {
        this.#store.delete('sources', key)
        this.#countPrefix(prefix, -1)
      }
    for (const source of sources ?? []) {
      const key = sourceKey(flow, source)
      if (old.has(key) || this.#store.get('sources', key) !== undefined) continue
      this.#store.write('sources', key, null)
      this.#countPrefix(source.prefix, 1)
    }
    if (sources) this.#sources.set(flow, sources)
    else this.#sources.delete(flow)
  }

  #countPrefix(prefix: number, by: 1 | -1): void {
    const before = this.#prefixes.get(prefix) ?? 0
    if (before + by === 0) this.#prefixes.delete(prefix)
    else this.#prefixes.set(prefix, before + by)
    if (before === 0 || before + by === 0) {
      const chain = sourcesChain(this.#facts, this.#prefixes.keys())
      this.#store.chain(chain.name, chain)
    }
  }

  #rivals(key: string, flows: ReadonlySet<Packed>): ReadonlySet<string> {
    let rivals: Set<string> | undefined
    for (const flow of flows)
      for (const { service } of this.#claims.all(flow))
        if (service.key !== key) rivals = (rivals ?? new Set()).add(service.key)
    return rivals ?? nobody
  }
}

const nothing: Lists = { cluster: [], local: [], sticky: 0 }
const nobody: ReadonlySet<string> = new Set()
