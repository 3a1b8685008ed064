import type { Packed } from '../kernel/nftables/packed.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { type Claimant, flowIn } from './claims.ts'
import { listNumber, portOf, type Scope } from './layout/numbers.ts'
import { pointers } from './layout/sets.ts'
import { readSlots, writeList } from './lists.ts'
import { PortNumbers } from './port-numbers.ts'
import type { FlowPortion } from './portion.ts'
import { settle } from './slots.ts'
import type { Store } from './store.ts'

/** A port of a service as it stands in the table. */
export interface Port extends Claimant {
  /** `TCP/80` */
  readonly name: string
  /** 0 while it holds no address, or when numbers have run out: it is not served. */
  number: number
  sticky: number
  anywhere: boolean
  flows: readonly FlowPortion[]
  /** Endpoints that may serve, by slot where it has a number. */
  cluster: readonly Packed[]
  local: readonly Packed[]
  /** Of UDP: all that still serve, picked or not. */
  serving: readonly Packed[]
  /** What is in the table. */
  written: Lists
}

interface Lists {
  readonly cluster: readonly Packed[]
  readonly local: readonly Packed[]
  readonly sticky: number
}

const nothing: Lists = { cluster: [], local: [], sticky: 0 }
const scopes: readonly Scope[] = ['cluster', 'local']

export function newPort(service: Port['service'], name: string): Port {
  return { service, name, number: 0, anywhere: false, flows: [], ...nothing, serving: [], written: nothing }
}

/** The numbers of ports, and their lists of endpoints in the table. */
export class Ports {
  readonly #store: Store
  readonly #numbers: PortNumbers
  #before: Ruleset | undefined
  /** Numbers that were freed since the last commit, by service and port: who comes back at once is who it was. */
  readonly #freed = new Map<string, number>()

  constructor(store: Store, before: Ruleset | undefined) {
    this.#store = store
    this.#before = before
    this.#numbers = new PortNumbers(before)
  }

  forgetBefore(): void {
    this.#before = undefined
    this.#numbers.forgetBefore()
    this.#freed.clear()
  }

  /** Takes a port that holds no address out of the table. */
  unlist(port: Port): void {
    if (port.number === 0) return
    this.#write(port, nothing)
    this.#freed.set(nameOf(port), port.number)
    this.#numbers.free(port.number)
    port.number = 0
  }

  /** Brings the lists of a port up to date that holds these addresses: those to which they lead. */
  list(port: Port, held: readonly Packed[]): void {
    if (port.number === 0) {
      const freed = this.#freed.get(nameOf(port))
      port.number = this.#numbers.take(freed === undefined ? held.map((flow) => numberIn(this.#before, flow)) : [freed])
      if (this.#before)
        for (const scope of scopes)
          port[scope] = settle(readSlots(this.#before, listNumber(port.number, scope)), port[scope])
    }
    if (port.number > 0) this.#write(port, listsFor(port, held))
  }

  #write(port: Port, wanted: Lists): void {
    const { written, number } = port
    if (wanted.cluster === written.cluster && wanted.local === written.local && wanted.sticky === written.sticky) return
    for (const scope of scopes)
      writeList(
        this.#store,
        listNumber(number, scope),
        { slots: written[scope], sticky: written.sticky > 0 },
        { slots: wanted[scope], sticky: wanted.sticky > 0 },
      )
    port.written = { cluster: wanted.cluster, local: wanted.local, sticky: wanted.sticky }
  }
}

function nameOf({ service, name }: Port): string {
  return `${service.key} ${name}`
}

function listsFor(port: Port, held: readonly Packed[]): Lists {
  let [cluster, local] = [nothing.cluster, nothing.local]
  for (const flow of held) {
    const how = flowIn(port, flow)
    if (how?.scope === 'local') local = port.local
    if (how?.scope === 'cluster' || (how && how.kind !== 'clusterIP')) cluster = port.cluster
  }
  return { cluster, local, sticky: port.sticky }
}

/** The number of the port that an earlier agent served at an address; 0 for none. */
function numberIn(kernel: Ruleset | undefined, flow: Packed): number {
  for (const map of pointers) {
    const value = kernel?.sets.get(map)?.elements.get(flow)
    if (value !== undefined) return portOf(value)
  }
  return 0
}
