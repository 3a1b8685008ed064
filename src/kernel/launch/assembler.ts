/** Machine code under construction: raw bytes, labels, and jumps to labels that are filled in at the end. x86-64, little endian. */
export class Assembler {
  readonly #bytes: number[] = []
  readonly #labels = new Map<string, number>()
  readonly #jumps: { at: number; label: string }[] = []

  /** Instructions as bytes; `text` is the instruction in Intel syntax, for the reader only. */
  op(_text: string, ...bytes: number[]): this {
    this.#bytes.push(...bytes)
    return this
  }

  label(name: string): this {
    if (this.#labels.has(name)) throw new Error(`label ${name} stands twice`)
    this.#labels.set(name, this.#bytes.length)
    return this
  }

  /** A jump with a 32-bit displacement, relative to the instruction's end. `always` or a condition of Jcc (Intel SDM, vol. 2). */
  jump(condition: keyof typeof jumps, label: string): this {
    this.#bytes.push(...jumps[condition])
    this.#jumps.push({ at: this.#bytes.length, label })
    this.#bytes.push(0, 0, 0, 0)
    return this
  }

  finish(): Uint8Array {
    const code = Uint8Array.from(this.#bytes)
    const view = new DataView(code.buffer)
    for (const { at, label } of this.#jumps) {
      const target = this.#labels.get(label)
      if (target === undefined) throw new Error(`label ${label} stands nowhere`)
      view.setInt32(at, target - (at + 4), true)
    }
    return code
  }
}

const jumps = {
  always: [0xe9],
  equal: [0x0f, 0x84],
  notEqual: [0x0f, 0x85],
  above: [0x0f, 0x87],
  negative: [0x0f, 0x88],
} as const
