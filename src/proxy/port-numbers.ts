import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { maxPort, portOf } from './layout/numbers.ts'
import { pointers } from './layout/sets.ts'

/**
 * Numbers of ports of services, 1 to 1,048,575. A number that becomes free is given out again as late as possible, for clients of a
 * sticky service may still be remembered under it.
 */
export class PortNumbers {
  readonly #used = new Set<number>()
  /** Those that an earlier agent gave: whoever had one of them may still come for it. */
  readonly #before = new Set<number>()
  #next = 1

  constructor(before: Ruleset | undefined) {
    for (const map of pointers)
      for (const datum of before?.sets.get(map)?.elements.values() ?? []) this.#before.add(portOf(datum))
    for (const number of this.#before) if (number >= this.#next) this.#next = number + 1
  }

  /** One of those that the port had, if there is one; 0 when all are in use. */
  take(had: readonly number[]): number {
    const kept = had.find((number) => number > 0 && !this.#used.has(number))
    const number = kept ?? this.#free()
    if (number > 0) this.#used.add(number)
    return number
  }

  free(number: number): void {
    this.#used.delete(number)
  }

  forgetBefore(): void {
    this.#before.clear()
  }

  #free(): number {
    for (let tried = 0; tried < maxPort; tried++) {
      if (this.#next > maxPort) this.#next = 1
      const number = this.#next++
      if (!this.#used.has(number) && !this.#before.has(number)) return number
    }
    return 0
  }
}
