/** A message of up to 65,535 bytes as it goes into a stream: its length in two bytes before it (RFC 1035 section 4.2.2). */
export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(2 + message.length)
  frameInto(bytes, 0, message)
  return bytes
}

/** As {@link framed}, put there. Returns where the next one goes. */
export function frameInto(bytes: Buffer, at: number, message: Uint8Array): number {
  const start = bytes.writeUInt16BE(message.length, at)
  bytes.set(message, start)
  return start + message.length
}

/** A stream cut into the messages that {@link framed} made. */
export class Frames {
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  /** Behind the last byte that came; what follows is room for more. */
  #end = 0

  /** Nothing is left of what came. */
  get empty(): boolean {
    return this.#start === this.#end
  }

  /** The stream goes on. `chunk` must not be changed afterwards. */
  push(chunk: Buffer): void {
    if (this.empty) {
      this.#bytes = chunk
      this.#start = 0
      this.#end = chunk.length
      return
    }
    if (this.#end + chunk.length > this.#bytes.length) this.#grow(chunk.length)
    this.#end += chunk.copy(this.#bytes, this.#end)
  }

  /** The next whole message, or undefined until more comes. */
  next(): Buffer | undefined {
    const have = this.#end - this.#start
    if (have < 2) return undefined
    const length = this.#bytes.readUInt16BE(this.#start)
    if (have - 2 < length) return undefined
    const from = this.#start + 2
    this.#start = from + length
    return this.#bytes.subarray(from, this.#start)
  }

  /** Twice the room each time, but none behind the message: one that comes byte after byte must not be copied for each of them. */
  #grow(more: number): void {
    const have = this.#end - this.#start
    const message = have < 2 ? 0 : 2 + this.#bytes.readUInt16BE(this.#start)
    const larger = Buffer.allocUnsafeSlow(Math.max(have + more, Math.min(Math.max(2 * have, 512), message)))
    this.#bytes.copy(larger, 0, this.#start, this.#end)
    this.#bytes = larger
    this.#start = 0
    this.#end = have
  }
}
