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

  /** Again for one whose right may have changed. */
  add(flow: Packed, by: T): void {
    const claims = this.#claims.get(flow)
    if (claims === undefined || claims === by) this.#claims.set(flow, by)
    else this.#claims.set(flow, [...this.all(flow).filter((other) => other !== by), by].sort(byRight(flow)))
  }

  withdraw(flow: Packed, by: T): void {
    const [first, ...rest] = this.all(flow).filter((other) => other !== by)
    if (first === undefined) this.#claims.delete(flow)
    else this.#claims.set(flow, rest.length > 0 ? [first, ...rest] : first)
  }
}

const rank = { clusterIP: 0, loadBalancer: 1, nodePort: 2, externalIP: 3 } as const

function byRight(flow: Packed): (a: Claimant, b: Claimant) => number {
  const rankOf = (claimant: Claimant): number => rank[flowIn(claimant, flow)?.kind ?? 'externalIP']
  return (a, b) =>
    rankOf(a) - rankOf(b) || compare(a.service.since, b.service.since) || compare(a.service.key, b.service.key)
}

/** What a port says of one of its flows. */
export function flowIn({ flows }: Pick<Claimant, 'flows'>, flow: Packed): FlowPortion | undefined {
  return flows.find((each) => each.flow === flow)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
