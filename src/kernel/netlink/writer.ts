// Netlink headers and attributes, written into one growing buffer. Netlink speaks the machine's byte order (little-endian on
// every machine Kubehop runs on); network order is asked for by name (`be16`, `be32`, ...).

const headerSize = 16
const attributeSize = 4
const NLA_F_NESTED = 0x8000

/**
 * Builds one netlink message after another. A message: `start(type, flags)`, the kind's fixed header as raw bytes, attributes,
 * `end(at)`; or the same with a function, `message(type, flags, (w) => ...)`. Sequence numbers are the socket's business.
 */
export class MessageWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #length = 0
  #count = 0

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** Messages ended so far. */
  get count(): number {
    return this.#count
  }

  /** What was written; valid until the next write. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Forgets everything written, and keeps the memory. */
  clear(): void {
    this.#length = 0
    this.#count = 0
  }

  message(type: number, flags: number, body: (writer: MessageWriter) => void): this {
    const at = this.start(type, flags)
    body(this)
    this.end(at)
    return this
  }

  /** Takes over the messages of another writer. */
  append(other: MessageWriter): void {
    this.raw(other.bytes)
    this.#count += other.count
  }

  /** Begins a message; hand what it returns to {@link end}. */
  start(type: number, flags: number): number {
    const at = this.#grow(headerSize)
    this.#view.setUint32(at, 0, true)
    this.#view.setUint16(at + 4, type, true)
    this.#view.setUint16(at + 6, flags, true)
    this.#view.setUint32(at + 8, 0, true)
    this.#view.setUint32(at + 12, 0, true)
    return at
  }

  end(at: number): void {
    this.#view.setUint32(at, this.#length - at, true)
    this.#count++
  }

  /** Sets more flags of the first message. */
  addFlags(flags: number): void {
    this.#view.setUint16(6, this.#view.getUint16(6, true) | flags, true)
  }

  /** Bytes without an attribute's header: the fixed header that most kinds begin with. Padded to 4. */
  raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** Room for a fixed header of `size` bytes, zeroed, with a view to fill it in at once. */
  header(size: number): DataView {
    const at = this.#grow(size)
    this.#bytes.fill(0, at, at + size)
    return new DataView(this.#bytes.buffer, at, size)
  }

  flag(type: number): void {
    this.#attribute(type, 0)
  }

  u8(type: number, value: number): void {
    const at = this.#attribute(type, 1)
    this.#view.setUint8(at, value)
  }

  u16(type: number, value: number): void {
    const at = this.#attribute(type, 2)
    this.#view.setUint16(at, value, true)
  }

  u32(type: number, value: number): void {
    const at = this.#attribute(type, 4)
    this.#view.setUint32(at, value, true)
  }

  i32(type: number, value: number): void {
    const at = this.#attribute(type, 4)
    this.#view.setInt32(at, value, true)
  }

  u64(type: number, value: bigint): void {
    const at = this.#attribute(type, 8)
    this.#view.setBigUint64(at, value, true)
  }

  be16(type: number, value: number): void {
    const at = this.#attribute(type, 2)
    this.#view.setUint16(at, value)
  }

  be32(type: number, value: number): void {
    const at = this.#attribute(type, 4)
    this.#view.setUint32(at, value)
  }

  be64(type: number, value: bigint): void {
    const at = this.#attribute(type, 8)
    this.#view.setBigUint64(at, value)
  }

  /** Text with the NUL that the kernel wants at its end. */
  string(type: number, value: string): void {
    const bytes = new TextEncoder().encode(value)
    const at = this.#attribute(type, bytes.length + 1)
    this.#bytes.set(bytes, at)
    this.#bytes[at + bytes.length] = 0
  }

  attribute(type: number, value: Uint8Array): void {
    const at = this.#attribute(type, value.length)
    this.#bytes.set(value, at)
  }

  /** Bytes given as a string of char codes 0 to 255. */
  latin1(type: number, value: string): void {
    const at = this.#attribute(type, value.length)
    for (let i = 0; i < value.length; i++) this.#bytes[at + i] = value.charCodeAt(i)
  }

  nest(type: number, body: (writer: MessageWriter) => void): void {
    const at = this.startNest(type)
    body(this)
    this.endNest(at)
  }

  /** Begins a nested attribute; hand what it returns to {@link endNest}. */
  startNest(type: number): number {
    const at = this.#grow(attributeSize)
    this.#view.setUint16(at + 2, type | NLA_F_NESTED, true)
    return at
  }

  /** The length field has 16 bits: a longer nest throws a RangeError. */
  endNest(at: number): void {
    const length = this.#length - at
    if (length > 0xffff) throw new RangeError(`a netlink attribute holds 65535 bytes, not ${length}`)
    this.#view.setUint16(at, length, true)
  }

  /** Writes an attribute's header; returns where its payload goes. */
  #attribute(type: number, size: number): number {
    const length = attributeSize + size
    if (length > 0xffff) throw new RangeError(`a netlink attribute holds 65535 bytes, not ${length}`)
    const at = this.#grow(length)
    this.#view.setUint16(at, length, true)
    this.#view.setUint16(at + 2, type, true)
    return at + attributeSize
  }

  /** Takes `size` bytes, padded with zeros to a multiple of 4; returns where they begin. May put other memory in place of #bytes and #view. */
  #grow(size: number): number {
    const at = this.#length
    const end = (at + size + 3) & ~3
    if (end > this.#bytes.length) {
      // Transferred, the memory it had is free at once, and not only when the garbage is collected.
      const bigger = this.#bytes.buffer.transfer(Math.max(end, this.#bytes.length * 2))
      this.#bytes = new Uint8Array(bigger)
      this.#view = new DataView(bigger)
    }
    // A cleared buffer still holds old bytes, and padding must not leak them.
    for (let i = at + size; i < end; i++) this.#bytes[i] = 0
    this.#length = end
    return at
  }
}
