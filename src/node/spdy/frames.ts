import { wrong } from './headers.ts'

// SPDY/3.1 framing (draft-mbelshe-httpbis-spdy-00, 2.2). Offsets in bytes, all numbers big-endian:
//   control frame: 0 1 bit set, 15 bits version; 2 type; 4 flags; 5 length of what follows (24 bits)
//   data frame:    0 1 bit clear, 31 bits stream; 4 flags; 5 length

export const type = {
  synStream: 1,
  synReply: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  window: 9,
} as const
export const finished = 1
export const resetReason = { protocol: 1, refused: 3, cancel: 5, internal: 6 } as const
const version = 3
const headSize = 8
/** Of a control frame. Kubernetes' are below 200 bytes. */
const longestControl = 64 * 1024

export interface Frames {
  control(kind: number, flags: number, body: Buffer): void
  /** A part of a data frame, as it arrives; `last` with its last part, when the frame ends its direction of the stream. */
  data(stream: number, part: Buffer, last: boolean): void
}

/** Takes bytes as they come, in any pieces, and tells the frames in them. Throws Invalid for what is no SPDY/3. */
export class FrameReader {
  readonly #frames: Frames
  #rest: Buffer = Buffer.alloc(0)
  /** The data frame that is under way. */
  #data: { stream: number; left: number; last: boolean } | undefined

  constructor(frames: Frames) {
    this.#frames = frames
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      if (this.#data) {
        const part = bytes.subarray(0, this.#data.left)
        bytes = bytes.subarray(part.length)
        this.#data.left -= part.length
        const { stream, left, last } = this.#data
        if (left === 0) this.#data = undefined
        if (part.length > 0 || (left === 0 && last)) this.#frames.data(stream, part, left === 0 && last)
        if (left > 0) break
      }
      if (bytes.length < headSize) break
      const first = bytes.readUInt32BE(0)
      const flags = bytes.readUInt8(4)
      const length = bytes.readUIntBE(5, 3)
      if (first >>> 31 === 0) {
        this.#data = { stream: first, left: length, last: (flags & finished) !== 0 }
        bytes = bytes.subarray(headSize)
        continue
      }
      if (((first >>> 16) & 0x7fff) !== version)
        throw wrong(`this is version ${(first >>> 16) & 0x7fff} of SPDY, not 3`)
      if (length > longestControl) throw wrong(`a control frame of ${length} bytes`)
      if (bytes.length < headSize + length) break
      const body = bytes.subarray(headSize, headSize + length)
      bytes = bytes.subarray(headSize + length)
      this.#frames.control(first & 0xffff, flags, body)
    }
    // A copy, so that a few waiting bytes do not keep a whole chunk in memory.
    this.#rest = Buffer.from(bytes)
  }
}

export function controlFrame(kind: number, body: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(headSize)
  head.writeUInt16BE(0x8000 | version, 0)
  head.writeUInt16BE(kind, 2)
  head.writeUInt8(flags, 4)
  head.writeUIntBE(body.length, 5, 3)
  return Buffer.concat([head, body])
}

export function dataFrame(stream: number, data: Buffer, last: boolean): Buffer {
  const head = Buffer.alloc(headSize)
  head.writeUInt32BE(stream, 0)
  head.writeUInt8(last ? finished : 0, 4)
  head.writeUIntBE(data.length, 5, 3)
  return Buffer.concat([head, data])
}

/** A control frame's body of 32-bit numbers. */
export function words(...numbers: number[]): Buffer {
  const body = Buffer.alloc(numbers.length * 4)
  for (const [at, number] of numbers.entries()) body.writeUInt32BE(number, at * 4)
  return body
}
