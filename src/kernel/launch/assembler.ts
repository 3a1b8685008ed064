/** Machine code under construction: raw bytes, labels, and jumps and addresses that are filled in at the end. x86-64, little endian. */
export class Assembler {
  readonly #bytes: number[] = []
  readonly #labels = new Map<string, number>()
  readonly #jumps: { at: number; label: string }[] = []
  readonly #addresses: { at: number; label: string }[] = []

  /** Instructions as bytes; `text` is the instruction in Intel syntax, for the reader only. */
  op(_text: string, ...bytes: number[]): this {
    this.#bytes.push(...bytes)
    return this
  }

  /** An instruction that ends with the address of a label, 32 bits. */
  opAt(_text: string, bytes: readonly number[], label: string): this {
    this.#bytes.push(...bytes)
    this.#addresses.push({ at: this.#bytes.length, label })
    this.#bytes.push(0, 0, 0, 0)
    return this
  }

  /** An instruction that ends with a number of 32 bits. */
  opWith(_text: string, bytes: readonly number[], value: number): this {
    this.#bytes.push(...bytes, ...word(value))
    return this
  }

  label(name: string): this {
    if (this.#labels.has(name)) throw new Error(`label ${name} stands twice`)
    this.#labels.set(name, this.#bytes.length)
    return this
  }

  /** A jump with a 32-bit displacement, relative to the instruction's end. `always`, `call`, or a condition of Jcc (Intel SDM, vol. 2). */
  jump(condition: keyof typeof jumps, label: string): this {
    this.#bytes.push(...jumps[condition])
    this.#jumps.push({ at: this.#bytes.length, label })
    this.#bytes.push(0, 0, 0, 0)
    return this
  }

  /** Bytes that are no instructions, under a label of their own. */
  data(label: string, bytes: Uint8Array): this {
    this.label(label)
    for (const byte of bytes) this.#bytes.push(byte)
    return this
  }

  /** A list of 64-bit addresses, ended by a null, under a label of its own. */
  pointers(label: string, to: readonly string[]): this {
    this.label(label)
    for (const target of to) this.opAt('address', [], target).op('its upper half', 0, 0, 0, 0)
    return this.op('null', 0, 0, 0, 0, 0, 0, 0, 0)
  }

  /** `base` is where the first byte will lie in memory; below 4 GiB. */
  finish(base = 0): Uint8Array {
    const code = Uint8Array.from(this.#bytes)
    const view = new DataView(code.buffer)
    const find = (label: string): number => {
      const target = this.#labels.get(label)
      if (target === undefined) throw new Error(`label ${label} stands nowhere`)
      return target
    }
    for (const { at, label } of this.#jumps) view.setInt32(at, find(label) - (at + 4), true)
    for (const { at, label } of this.#addresses) view.setUint32(at, base + find(label), true)
    return code
  }
}

function word(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff]
}

const jumps = {
  always: [0xe9],
  call: [0xe8],
  equal: [0x0f, 0x84],
  notEqual: [0x0f, 0x85],
  above: [0x0f, 0x87],
  below: [0x0f, 0x82],
  negative: [0x0f, 0x88],
  notPositive: [0x0f, 0x8e],
} as const
