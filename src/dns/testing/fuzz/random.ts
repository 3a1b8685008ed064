/** Numbers that follow from a seed alone, so that what failed can be made again (sfc32). */
export class Random {
  #a: number
  #b = 0x9e3779b9
  #c = 0x243f6a88
  #d = 1

  constructor(seed: number) {
    this.#a = seed >>> 0
    for (let at = 0; at < 16; at++) this.u32()
  }

  u32(): number {
    const sum = (this.#a + this.#b + this.#d) >>> 0
    this.#d = (this.#d + 1) >>> 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) >>> 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0
    return sum
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * count)
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  fill(bytes: Buffer, start: number, end: number): void {
    let at = start
    for (; at + 4 <= end; at += 4) bytes.writeUInt32LE(this.u32(), at)
    for (; at < end; at++) bytes[at] = this.u32()
  }
}
