import type { Address } from '../../base/address.ts'

/** What names depend on: a service, or who has an address. */
export interface Owner {
  /** Answers that were made of it, until it changes: they go with it. What they look like is the matter of who keeps them. */
  ready: object | undefined
}

interface Entry extends Owner {
  /** Nearly always one: a list is a fifth of what a Set takes, for each address of the cluster. */
  services: readonly string[]
}

/** Which services name an address: one address may belong to several. */
export class ReverseIndex {
  readonly #entries = new Map<Address, Entry>()

  at(address: Address): Entry | undefined {
    return this.#entries.get(address)
  }

  owners(): Iterable<Owner> {
    return this.#entries.values()
  }

  /** The addresses of the service `key` were `before` and are `after`: what was ready of each is no more. */
  move(key: string, before: readonly Address[], after: ReadonlySet<Address>): void {
    for (const address of before) {
      const entry = this.#entries.get(address)
      if (!entry) continue
      entry.ready = undefined
      if (after.has(address)) continue
      entry.services = entry.services.filter((service) => service !== key)
      if (entry.services.length === 0) this.#entries.delete(address)
    }
    for (const address of after) {
      const entry = this.#entries.get(address)
      if (!entry) {
        this.#entries.set(address, { services: [key], ready: undefined })
        continue
      }
      if (!entry.services.includes(key)) entry.services = [...entry.services, key]
      entry.ready = undefined
    }
  }
}
