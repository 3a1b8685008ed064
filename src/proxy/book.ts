import type { Packed } from '../kernel/nftables/packed.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import type { Transaction } from '../kernel/nftables/transaction.ts'
import { Claims, flowIn } from './claims.ts'
import { Counts } from './counts.ts'
import { baseChains, sourcesChain } from './layout/chains.ts'
import { type FamilyFacts, families } from './layout/family.ts'
import { isUdp } from './layout/keys.ts'
import { counterSets, type SetName } from './layout/sets.ts'
import type { NodeFacts } from './node.ts'
import type { Way } from './layout/ways.ts'
import { Pointers } from './pointers.ts'
import { newPort, type Port, Ports } from './ports.ts'
import type { FlowPortion, PortPortion, Portion } from './portion.ts'
import { Restrictions } from './restrictions.ts'
import { settle } from './slots.ts'
import { Store } from './store.ts'
import { Ways } from './ways.ts'

interface ServiceRecord {
  readonly key: string
  since: string
  clusterIP: Packed | undefined
  local: readonly Packed[]
  ports: readonly Port[]
}

/** An address and port that a service does not get, because another has it. */
export interface Lost {
  readonly flow: Packed
  readonly kind: FlowPortion['kind']
  /** `namespace/name` of the service that has it. */
  readonly holder: string
}

/** An address and port where endpoints are picked in a plainer way than the service asks for, because there are no more ways. */
export interface Plain {
  readonly flow: Packed
  readonly kind: FlowPortion['kind']
  readonly wanted: Way
}

/** A port of a service and the addresses that it holds. */
export interface ServedPort {
  /** `namespace/name` */
  readonly service: string
  /** `TCP/80` */
  readonly port: string
  readonly flows: readonly Packed[]
}

/**
 * All services of one address family together. A change of one costs what that service is large, not what the cluster is large. Who holds
 * which address is known at once; the table is written when it is asked for, so that it depends on what is wanted and not on the order
 * in which that was said.
 */
export class Book {
  readonly #facts: FamilyFacts
  readonly #store: Store
  readonly #counters: boolean
  readonly #services = new Map<string, ServiceRecord>()
  readonly #claims = new Claims<Port>()
  readonly #ports: Ports
  readonly #ways: Ways
  readonly #pointers: Pointers
  readonly #restrictions: Restrictions
  readonly #clusterIPs: Counts
  readonly #local: Counts
  /** What has to be written anew. */
  readonly #touchedFlows = new Set<Packed>()
  readonly #touchedPorts = new Set<Port>()
  readonly #changedUdp = new Set<Packed>()
  /** Services that have won or lost an address while another was changed. */
  #rivals = new Set<string>()

  /** `before`: what an earlier agent left in the kernel. Ports keep the numbers and endpoints the slots that they have there. */
  constructor(node: NodeFacts, before?: Ruleset) {
    this.#facts = families[node.serviceCidr.family]
    this.#counters = node.counters ?? false
    const chains = [...baseChains(this.#facts, node), sourcesChain(this.#facts, [])]
    this.#store = new Store(this.#facts, chains, this.#counters)
    this.#ports = new Ports(this.#store, before)
    this.#ways = new Ways(this.#facts, this.#store, before)
    this.#pointers = new Pointers(this.#store, this.#ways)
    this.#restrictions = new Restrictions(this.#facts, this.#store)
    const counts = (set: SetName, key: (address: Packed) => Packed): Counts =>
      new Counts(
        (address) => this.#store.get(set, key(address)) !== undefined,
        (address, there) => this.#store.mark(set, key(address), there),
      )
    this.#clusterIPs = counts('service-ips', (address) => address)
    this.#local = counts('hairpin', (address) => (address + address) as Packed)
    for (const map of ['services', 'inside', 'no-endpoints', 'no-local-endpoints'])
      for (const flow of before?.sets.get(map)?.elements.keys() ?? []) if (isUdp(flow)) this.#changedUdp.add(flow)
  }

  /** The ruleset that is wanted. It is live: it changes with every `put`. */
  get wanted(): Ruleset {
    this.#write()
    return this.#store.wanted
  }

  /** Says what a service is now; undefined for one that is gone. Returns the other services that have won or lost an address by it: see {@link lost}. */
  put(key: string, portion: Portion | undefined, since = ''): ReadonlySet<string> {
    const known = this.#services.get(key)
    if (!known && !portion) return nobody
    const service = known ?? { key, since, clusterIP: undefined, local: [], ports: [] }
    const before = service.ports
    const aged = service.since !== since
    service.since = since
    service.ports = (portion?.ports ?? []).map((port) => this.#bring(service, port, aged))
    for (const port of before) if (!service.ports.includes(port)) this.#leave(port)
    // The new ones first, so that what stays is not taken out and put in again.
    const addresses = portion?.clusterIP === undefined ? [] : [portion.clusterIP]
    this.#clusterIPs.change(addresses, service.clusterIP === undefined ? [] : [service.clusterIP])
    this.#local.change(portion?.local ?? [], service.local)
    service.clusterIP = portion?.clusterIP
    service.local = portion?.local ?? []
    if (portion) this.#services.set(key, service)
    else this.#services.delete(key)
    return this.#takeRivals(key)
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

  /** Where the service is served otherwise than it asks for. */
  plain(key: string): Plain[] {
    const flows = this.#services.get(key)?.ports.flatMap((port) => port.flows) ?? []
    return flows.flatMap(({ flow, kind }) => this.#pointers.plainer(flow).map((wanted) => ({ flow, kind, wanted })))
  }

  /** Services of which {@link plain} may say something else than at the last call, as far as changes were asked for meanwhile. */
  takePlainChanged(): ReadonlySet<string> {
    return this.#pointers.takeChanged()
  }

  /** The service that has an address and port, and the name of its port (`TCP/80`). */
  holder(flow: Packed): { service: string; port: string } | undefined {
    const port = this.#claims.holder(flow)
    return port && { service: port.service.key, port: port.name }
  }

  /** How many services there are. */
  get size(): number {
    return this.#services.size
  }

  /** Every port that holds an address. Live: what changes while it is read may be told or not. */
  *ports(): Generator<ServedPort> {
    for (const { key, ports } of this.#services.values())
      for (const port of ports) {
        const flows = port.flows.map(({ flow }) => flow).filter((flow) => this.#claims.holder(flow) === port)
        if (flows.length > 0) yield { service: key, port: port.name, flows }
      }
  }

  /** Ports that have endpoints, but none on this node, where their policy wants one: for senders inside the cluster, and outside. */
  noLocalEndpoints(): { readonly internal: number; readonly external: number } {
    const [internal, external] = [new Set<Port>(), new Set<Port>()]
    for (const flow of this.#store.wanted.sets.get('no-local-endpoints')?.elements.keys() ?? []) {
      const port = this.#claims.holder(flow)
      if (port) (flowIn(port, flow)?.kind === 'clusterIP' ? internal : external).add(port)
    }
    return { internal: internal.size, external: external.size }
  }

  /** All endpoints that still serve a UDP address and port, whoever is picked for new senders; undefined when no service has it. */
  endpointsOf(flow: Packed): ReadonlySet<Packed> | undefined {
    const port = this.#claims.holder(flow)
    const how = port && flowIn(port, flow)
    if (!port || !how) return undefined
    return new Set(port.serving)
  }

  /**
   * UDP addresses and ports whose endpoints may be others than at the last call, or than an earlier agent left them: the kernel may remember where
   * their senders' packets went before (see udp.ts).
   */
  takeChangedUdp(): ReadonlySet<Packed> {
    const taken = new Set(this.#changedUdp)
    this.#changedUdp.clear()
    return taken
  }

  /** What has changed since the last commit. */
  changes(): Transaction {
    this.#write()
    return this.#store.changes()
  }

  /** What turns `kernel` into what is wanted, by comparing everything. */
  repair(kernel: Ruleset | undefined): Transaction {
    this.#write()
    return this.#store.repair(kernel)
  }

  /** The kernel has everything that is wanted. */
  commit(): void {
    this.#write()
    this.#ports.forgetBefore()
    this.#ways.forgetBefore()
    this.#store.commit()
  }

  /** What was wanted at the last commit. */
  committed(): Ruleset {
    return this.#store.committed()
  }

  #bring(service: ServiceRecord, portion: PortPortion, aged: boolean): Port {
    const { name, sticky, anywhere, flows } = portion
    const port = service.ports.find((each) => each.name === name) ?? newPort(service, name)
    const before = port.flows
    port.flows = flows
    for (const { flow } of before) if (!flowIn(portion, flow)) this.#withdraw(flow, port)
    for (const { flow, kind } of flows) {
      this.#touchedFlows.add(flow)
      if (aged || flowIn({ flows: before }, flow)?.kind !== kind) this.#claim(flow, port)
    }
    if (!sameMembers(port.serving, portion.serving)) for (const { flow } of flows) this.#noteUdp(flow)
    port.serving = portion.serving
    for (const scope of ['cluster', 'local'] as const) {
      const was = port[scope]
      const slots = settle(was, portion[scope])
      if (slots.length !== was.length || !slots.every((each, at) => each === was[at])) port[scope] = slots
    }
    port.sticky = sticky
    port.anywhere = anywhere
    this.#touchedPorts.add(port)
    return port
  }

  #leave(port: Port): void {
    for (const { flow } of port.flows) this.#withdraw(flow, port)
    this.#touchedPorts.add(port)
  }

  #claim(flow: Packed, port: Port): void {
    this.#noteRival(this.#claims.add(flow, port))
    this.#noteUdp(flow)
  }

  #withdraw(flow: Packed, port: Port): void {
    this.#noteRival(this.#claims.withdraw(flow, port))
    this.#touchedFlows.add(flow)
    this.#noteUdp(flow)
  }

  #noteRival(port: Port | undefined): void {
    if (port) this.#rivals.add(port.service.key)
  }

  #noteUdp(flow: Packed): void {
    if (isUdp(flow)) this.#changedUdp.add(flow)
  }

  /** Everything that was touched: first what ports no longer hold, for others may have it now. */
  #write(): void {
    if (this.#touchedPorts.size === 0) return
    for (const flow of this.#touchedFlows) for (const port of this.#claims.all(flow)) this.#touchedPorts.add(port)
    const holding: [Port, Packed[]][] = []
    for (const port of this.#touchedPorts) {
      const held = port.flows.map(({ flow }) => flow).filter((flow) => this.#claims.holder(flow) === port)
      if (held.length > 0) holding.push([port, held])
      else this.#ports.unlist(port)
    }
    for (const [port, held] of holding) this.#ports.list(port, held)
    for (const flow of this.#touchedFlows) this.#serve(flow)
    for (const flow of this.#pointers.hopeful()) this.#serve(flow)
    this.#touchedPorts.clear()
    this.#touchedFlows.clear()
  }

  /** Writes what becomes of packets to an address and port. */
  #serve(flow: Packed): void {
    const port = this.#claims.holder(flow)
    const how = port && flowIn(port, flow)
    const served = port !== undefined && how !== undefined && port.number > 0 && port[how.scope].length > 0
    const external = how !== undefined && how.kind !== 'clusterIP'
    const inside = external && port !== undefined && how.scope === 'local' && port.number > 0 && port.cluster.length > 0
    this.#pointers.point('services', flow, served ? port : undefined, how?.scope ?? 'cluster')
    this.#pointers.point('inside', flow, inside ? port : undefined, 'cluster')
    this.#store.mark('no-endpoints', flow, port !== undefined && !served && !port.anywhere)
    this.#store.mark('no-local-endpoints', flow, port !== undefined && !served && port.anywhere)
    this.#store.mark('external', flow, external && served && how.scope === 'cluster')
    this.#store.mark('external-local', flow, inside)
    this.#restrictions.set(flow, how?.sources)
    if (this.#counters) for (const set of counterSets) this.#store.mark(set, flow, port !== undefined)
  }

  #takeRivals(key: string): ReadonlySet<string> {
    if (this.#rivals.size === 0) return nobody
    const rivals = this.#rivals
    this.#rivals = new Set()
    rivals.delete(key)
    return rivals
  }
}

function sameMembers(a: readonly Packed[], b: readonly Packed[]): boolean {
  if (a.length !== b.length) return false
  const members = new Set(a)
  return b.every((each) => members.has(each))
}

const nobody: ReadonlySet<string> = new Set()
