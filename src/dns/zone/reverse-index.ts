import type { Address } from '../../base/address.ts'

/** Keeps the cache keys of answers that must go when it changes. */
export interface Owner {
  keys: string[]
}

/** Which services name an address: one address may belong to several. */
export class ReverseIndex {
  readonly #entries = new Map<Address, Owner & { services: Set<string> }>()

  at(address: Address): (Owner & { services: ReadonlySet<string> }) | undefined {
    return this.#entries.get(address)
  }

  /** The addresses of the service `key` were `before` and are `after`; `touch` is called for the entry of each. */
  move(key: string, before: ReadonlySet<Address>, after: ReadonlySet<Address>, touch: (owner: Owner) => void): void {
    for (const address of before) {
      const entry = this.#entries.get(address)
      if (!entry) continue
      touch(entry)
      if (after.has(address)) continue
      entry.services.delete(key)
      if (entry.services.size === 0) this.#entries.delete(address)
    }
    for (const address of after) {
      const entry = this.#entries.get(address) ?? { services: new Set<string>(), keys: [] }
      this.#entries.set(address, entry)
      entry.services.add(key)
      touch(entry)
    }
  }
}
