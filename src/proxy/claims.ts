import type { Packed } from '../kernel/nftables/packed.ts'
import type { Portion } from './portion.ts'

interface Claim {
  readonly address: Packed
  /** RFC 3339, which sorts as text. */
  readonly since: string
  readonly portion: Portion
}

/**
 * Which service has an address that several say is theirs: the oldest, then the first by name. The API server gives every address
 * out once, so more than one claim is somebody's forgery or a race, and the answer must not depend on the order of events.
 */
export class Claims {
  readonly #claims = new Map<string, Claim>()
  readonly #services = new Map<Packed, string[]>()

  /**
   * Sets, changes or (undefined) withdraws a claim. `winners` have to be served as they are given, `losers` no longer, or not
   * at all; a withdrawn claim is in neither.
   */
  set(
    service: string,
    claim: Claim | undefined,
  ): { winners: { service: string; portion: Portion }[]; losers: string[] } {
    const old = this.#claims.get(service)
    if (claim) this.#claims.set(service, claim)
    else this.#claims.delete(service)
    const addresses = new Set<Packed>()
    if (old) addresses.add(old.address)
    if (claim) addresses.add(claim.address)
    const winners: { service: string; portion: Portion }[] = []
    const losers: string[] = []
    for (const address of addresses) {
      const services = (this.#services.get(address) ?? []).filter((other) => other !== service)
      if (claim?.address === address) services.push(service)
      if (services.length > 1) services.sort((a, b) => this.#order(a, b))
      if (services.length > 0) this.#services.set(address, services)
      else this.#services.delete(address)
      const [winner, ...others] = services
      const won = winner === undefined ? undefined : this.#claims.get(winner)
      if (winner !== undefined && won) winners.push({ service: winner, portion: won.portion })
      losers.push(...others)
    }
    return { winners, losers }
  }

  /** The service that has the address. */
  holder(address: Packed): string | undefined {
    return this.#services.get(address)?.[0]
  }

  #order(a: string, b: string): number {
    const [since, other] = [this.#claims.get(a)?.since ?? '', this.#claims.get(b)?.since ?? '']
    return compare(since, other) || compare(a, b)
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
