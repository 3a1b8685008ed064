import type { Address } from '../../base/address.ts'

/** How many questions of each client wait for an upstream. */
export class Clients {
  readonly #waiting = new Map<Address, number>()
  readonly #most: number

  /** `most`: of one client. */
  constructor(most: number) {
    this.#most = most
  }

  /** False: it has enough of them waiting. */
  enter(client: Address): boolean {
    const waiting = this.#waiting.get(client) ?? 0
    if (waiting >= this.#most) return false
    this.#waiting.set(client, waiting + 1)
    return true
  }

  leave(client: Address): void {
    const waiting = this.#waiting.get(client) ?? 0
    if (waiting > 1) this.#waiting.set(client, waiting - 1)
    else this.#waiting.delete(client)
  }
}
