import { lowerName, nameToWire } from './name.ts'

/** Bytes in network order with name compression (RFC 1035 section 4.1.4); offsets count from the message's first byte. */
export class Writer {
  #bytes: Buffer
  #end = 0
  readonly #base: number
  /** Where each name suffix, as {@link keyOf} gives it, was written first. */
  readonly #suffixes = new Map<string, number>()

  /** `base`: how many bytes of the message stand before the first one that is written here. */
  constructor(base = 0, size = 512) {
    this.#bytes = Buffer.allocUnsafe(size)
    this.#base = base
  }

  get length(): number {
    return this.#end
  }

  u8(value: number): this {
    this.#room(1)
    this.#end = this.#bytes.writeUInt8(value, this.#end)
    return this
  }

  u16(value: number): this {
    this.#room(2)
    this.#end = this.#bytes.writeUInt16BE(value, this.#end)
    return this
  }

  u32(value: number): this {
    this.#room(4)
    this.#end = this.#bytes.writeUInt32BE(value, this.#end)
    return this
  }

  bytes(value: Uint8Array): this {
    this.#room(value.length)
    this.#bytes.set(value, this.#end)
    this.#end += value.length
    return this
  }

  /** Makes a name that already stands at `offset` of the message a target for pointers. */
  known(wire: Uint8Array, offset: number): this {
    this.#remember(keyOf(wire), offset)
    return this
  }

  /** Throws a RangeError for text that is no name. */
  name(text: string): this {
    const wire = wireOf(text)
    const key = keyOf(wire)
    for (let at = 0; at < wire.length - 1; at += 1 + (wire[at] ?? 0)) {
      const pointer = this.#suffixes.get(key.slice(at))
      if (pointer === undefined) continue
      this.#remember(key, this.#base + this.#end, at)
      return this.bytes(wire.subarray(0, at)).u16(0xc000 | pointer)
    }
    return this.#plain(wire, key)
  }

  /** A name without pointers, which later ones may point to. */
  plainName(text: string): this {
    const wire = wireOf(text)
    return this.#plain(wire, keyOf(wire))
  }

  /** A 16-bit length, then what `body` writes. */
  sized(body: () => void): this {
    const at = this.u16(0).#end
    body()
    this.#bytes.writeUInt16BE(this.#end - at, at - 2)
    return this
  }

  /** A copy of what was written. */
  done(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#end))
  }

  #plain(wire: Uint8Array, key: string): this {
    this.#remember(key, this.#base + this.#end)
    return this.bytes(wire)
  }

  /** Every suffix of a name at `offset` that starts before `stop` and has no place yet; pointers reach 14 bits far. */
  #remember(key: string, offset: number, stop: number = key.length - 1): void {
    for (let at = 0; at < stop && offset + at <= 0x3fff; at += 1 + key.charCodeAt(at)) {
      const suffix = key.slice(at)
      if (!this.#suffixes.has(suffix)) this.#suffixes.set(suffix, offset + at)
    }
  }

  #room(more: number): void {
    if (this.#end + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + more))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}

function wireOf(text: string): Uint8Array {
  const wire = nameToWire(text)
  if (!wire) throw new RangeError(`"${text}" is not a domain name`)
  return wire
}

/** The wire form in lower case, one character per byte. Length bytes are at most 63, below every letter. */
function keyOf(wire: Uint8Array): string {
  return lowerName(Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength).toString('latin1'))
}
