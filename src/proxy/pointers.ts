import { isDeepStrictEqual } from 'node:util'
import type { Packed } from '../kernel/nftables/packed.ts'
import { listNumber, type Scope, serviceValue, wayOf } from './layout/numbers.ts'
import type { Way } from './layout/ways.ts'
import type { Port } from './ports.ts'
import type { Store } from './store.ts'
import type { Ways } from './ways.ts'

/** An address and port whose endpoints are picked in a plainer way than the service asks for. */
export interface Plainer {
  readonly service: string
  readonly wanted: Way
}

/** Which list of endpoints an address and port leads to, and in which way one of them is picked. */
export class Pointers {
  readonly #store: Store
  readonly #ways: Ways
  readonly #plainer = { services: new Map<Packed, Plainer>(), inside: new Map<Packed, Plainer>() }
  #changed = new Set<string>()

  constructor(store: Store, ways: Ways) {
    this.#store = store
    this.#ways = ways
  }

  /** Leads to the endpoints of a port; nowhere when that is undefined. */
  point(map: Way['by'], flow: Packed, port: Port | undefined, scope: Scope): void {
    const before = this.#store.get(map, flow)
    if (port) {
      const wanted: Way = { endpoints: port[scope].length, sticky: port.sticky, by: map }
      const way = this.#ways.take(wanted)
      this.#store.write(map, flow, serviceValue(listNumber(port.number, scope), way))
      this.#note(map, flow, this.#ways.isLesser(way, wanted) ? { service: port.service.key, wanted } : undefined)
    } else {
      this.#store.delete(map, flow)
      this.#note(map, flow, undefined)
    }
    if (before !== undefined) this.#ways.release(wayOf(before))
  }

  /** The flows of those that could have their own way now. Goes on as long as the ones that it named, pointed anew, have got it. */
  *hopeful(): Generator<Packed> {
    if (!this.#ways.takeGaveBack()) return
    for (const plainer of Object.values(this.#plainer))
      for (const flow of plainer.keys()) {
        yield flow
        if (plainer.has(flow)) return
      }
  }

  plainer(flow: Packed): Way[] {
    return Object.values(this.#plainer).flatMap((map) => map.get(flow)?.wanted ?? [])
  }

  /** Services of which {@link plainer} may say something else than at the last call. */
  takeChanged(): ReadonlySet<string> {
    const changed = this.#changed
    if (changed.size > 0) this.#changed = new Set()
    return changed
  }

  #note(map: Way['by'], flow: Packed, now: Plainer | undefined): void {
    const plainer = this.#plainer[map]
    const before = plainer.get(flow)
    if (isDeepStrictEqual(before, now)) return
    if (now) plainer.set(flow, now)
    else plainer.delete(flow)
    for (const each of [before, now]) if (each) this.#changed.add(each.service)
  }
}
