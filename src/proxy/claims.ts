import type { Packed } from '../kernel/nftables/packed.ts'
import type { FlowPortion } from './portion.ts'

/** A port of a service, which says that it is served at these addresses and ports. */
export interface Claimant {
  readonly service: {
    /** `namespace/name`. */
    readonly key: string
    /** RFC 3339, which sorts as text. */
    readonly since: string
  }
  readonly flows: readonly FlowPortion[]
}

/**
 * Who has an address and port that several say is theirs. A cluster IP goes before the addresses that people may write into a service as
 * they like (or anybody could take over another's traffic: CVE-2020-8554), then the oldest service has it, then the first by name. The
 * API server gives cluster IPs and node ports out once, so more than one claim is somebody's forgery or a race, and the answer must not
 * depend on the order of events.
 */
export class Claims<T extends Claimant> {
  /** One claimant, or, seldom, several in order. */
  readonly #claims = new Map<Packed, T | T[]>()

  /** The one that has it. */
  holder(flow: Packed): T | undefined {
    const claims = this.#claims.get(flow)
    return Array.isArray(claims) ? claims[0] : claims
  }

  /** All that say it is theirs, the holder first. */
  all(flow: Packed): readonly T[] {
    const claims = this.#claims.get(flow)
    return claims === undefined ? [] : Array.isArray(claims) ? claims : [claims]
  }

  /** Again for one whose right may have changed. Returns the other one that has lost the address by it, or won. */
  add(flow: Packed, by: T): T | undefined {
    const claims = this.#claims.get(flow)
    if (claims === undefined || claims === by) {
      this.#claims.set(flow, by)
      return undefined
    }
    const before = this.holder(flow)
    const others = Array.isArray(claims) ? claims : [claims]
    const at = others.indexOf(by)
    if (at >= 0) others.splice(at, 1)
    others.splice(placeFor(by, others, byRight(flow)), 0, by)
    this.#claims.set(flow, others)
    const [now] = others
    if (now === before) return undefined
    return before === by ? now : before
  }

  /** Returns the one that has won the address by it. */
  withdraw(flow: Packed, by: T): T | undefined {
    const claims = this.#claims.get(flow)
    if (!Array.isArray(claims)) {
      if (claims === by) this.#claims.delete(flow)
      return undefined
    }
    const at = claims.indexOf(by)
    if (at < 0) return undefined
    claims.splice(at, 1)
    const [first] = claims
    if (claims.length === 1 && first !== undefined) this.#claims.set(flow, first)
    return at === 0 ? first : undefined
  }
}

/** Where it belongs in a list in order. */
function placeFor<T>(one: T, list: readonly T[], order: (a: T, b: T) => number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (order(list[middle] as T, one) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

const rank = { clusterIP: 0, loadBalancer: 1, nodePort: 2, externalIP: 3 } as const

function byRight(flow: Packed): (a: Claimant, b: Claimant) => number {
  const rankOf = (claimant: Claimant): number => rank[flowIn(claimant, flow)?.kind ?? 'externalIP']
  return (a, b) =>
    rankOf(a) - rankOf(b) || compare(a.service.since, b.service.since) || compare(a.service.key, b.service.key)
}

/** What a port says of one of its flows. Nearly all have one or two; who writes thousands of addresses into a service must not hold up others. */
export function flowIn({ flows }: Pick<Claimant, 'flows'>, flow: Packed): FlowPortion | undefined {
  if (flows.length <= few) return flows.find((each) => each.flow === flow)
  let index = indexes.get(flows)
  if (!index) indexes.set(flows, (index = new Map(flows.map((each) => [each.flow, each]))))
  return index.get(flow)
}

const few = 8
const indexes = new WeakMap<readonly FlowPortion[], ReadonlyMap<Packed, FlowPortion>>()

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
