import type { Packed } from '../kernel/nftables/packed.ts'

/** Addresses that several services may name: each is there as long as one of them does. */
export class Counts {
  /** Services beyond the first. */
  readonly #more = new Map<Packed, number>()
  readonly #there = new Set<Packed>()
  readonly #onChange: (address: Packed, there: boolean) => void

  constructor(onChange: (address: Packed, there: boolean) => void) {
    this.#onChange = onChange
  }

  /** One service names these now, and named those before. */
  change(now: readonly Packed[], before: readonly Packed[]): void {
    if (now === before) return
    for (const address of now) this.#add(address)
    for (const address of before) this.#remove(address)
  }

  #add(address: Packed): void {
    if (this.#there.has(address)) this.#more.set(address, (this.#more.get(address) ?? 0) + 1)
    else {
      this.#there.add(address)
      this.#onChange(address, true)
    }
  }

  #remove(address: Packed): void {
    const more = this.#more.get(address) ?? 0
    if (more > 1) this.#more.set(address, more - 1)
    else if (more === 1) this.#more.delete(address)
    else {
      this.#there.delete(address)
      this.#onChange(address, false)
    }
  }
}
