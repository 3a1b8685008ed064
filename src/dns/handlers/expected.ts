import type { Address } from '../../base/address.ts'

/** Longer than a resolver takes from one name of its search list to the next, with all its attempts. */
const milliseconds = 15_000
const most = 10_000

/** Questions that an asker is about to put, remembered for a while; of many the oldest are forgotten. */
export class Expected {
  readonly #until = new Map<string, number>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  has(asker: Address, name: string): boolean {
    return (this.#until.get(`${asker} ${name}`) ?? 0) > this.#now()
  }

  add(asker: Address, names: readonly string[]): undefined {
    for (const name of names) {
      const key = `${asker} ${name}`
      // To the end of the line.
      this.#until.delete(key)
      this.#until.set(key, this.#now() + milliseconds)
      if (this.#until.size > most) this.#until.delete(this.#until.keys().next().value ?? '')
    }
  }
}
