import type { Address } from '../../base/address.ts'

/** Keeps the cache keys of answers that must go when it changes. */
export interface Owner {
  keys: string[]
}

interface Entry extends Owner {
  /** Nearly always one: a list is a fifth of what a Set takes, for each address of the cluster. */
  services: readonly string[]
}

/** Which services name an address: one address may belong to several. */
export class ReverseIndex {
  readonly #entries = new Map<Address, Entry>()

  at(address: Address): Readonly<Entry> | undefined {
    return this.#entries.get(address)
  }

  owners(): Iterable<Owner> {
    return this.#entries.values()
  }

  /** The addresses of the service `key` were `before` and are `after`; `touch` is called for the entry of each. */
  move(key: string, before: readonly Address[], after: ReadonlySet<Address>, touch: (owner: Owner) => void): void {
    for (const address of before) {
      const entry = this.#entries.get(address)
      if (!entry) continue
      touch(entry)
      if (after.has(address)) continue
      entry.services = entry.services.filter((service) => service !== key)
      if (entry.services.length === 0) this.#entries.delete(address)
    }
    for (const address of after) {
      const entry = this.#entries.get(address)
      if (!entry) {
        this.#entries.set(address, { services: [key], keys: [] })
        continue
      }
      if (!entry.services.includes(key)) entry.services = [...entry.services, key]
      touch(entry)
    }
  }
}
