import type { Packed } from '../kernel/nftables/packed.ts'

/** Addresses that several services may name: each is there as long as one of them does. */
export class Counts {
  /** Services beyond the first. */
  readonly #more = new Map<Packed, number>()
  readonly #isThere: (address: Packed) => boolean
  readonly #change: (address: Packed, there: boolean) => void

  constructor(isThere: (address: Packed) => boolean, change: (address: Packed, there: boolean) => void) {
    this.#isThere = isThere
    this.#change = change
  }

  /** One service names these now, and named those before. */
  change(now: readonly Packed[], before: readonly Packed[]): void {
    if (now === before) return
    for (const address of now) this.#add(address)
    for (const address of before) this.#remove(address)
  }

  #add(address: Packed): void {
    if (this.#isThere(address)) this.#more.set(address, (this.#more.get(address) ?? 0) + 1)
    else this.#change(address, true)
  }

  #remove(address: Packed): void {
    const more = this.#more.get(address) ?? 0
    if (more > 1) this.#more.set(address, more - 1)
    else if (more === 1) this.#more.delete(address)
    else this.#change(address, false)
  }
}
