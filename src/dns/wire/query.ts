import { asksExplanation } from './explain.ts'
import { flags, opcode, rcodes, types } from './message.ts'
import { lowerName, skipName } from './name.ts'

/** A question, read no further than an answer needs. */
export class Query {
  readonly bytes: Buffer
  /**
   * The message with its name in lower case: `bytes` themselves, mostly. Where not, it is overwritten when the next message is read, so it is for who
   * answers at once.
   */
  readonly folded: Buffer
  readonly type: number
  readonly class: number
  /** The first byte behind the question. */
  readonly end: number
  opt: Opt | undefined
  #key: string | undefined

  constructor(bytes: Buffer, folded: Buffer, end: number, opt: Opt | undefined) {
    this.bytes = bytes
    this.folded = folded
    this.type = ((bytes[end - 4] as number) << 8) | (bytes[end - 3] as number)
    this.class = ((bytes[end - 2] as number) << 8) | (bytes[end - 1] as number)
    this.end = end
    this.opt = opt
  }

  /** Name and type in one, as they stand in the message, in lower case: two questions with the same key have the same answer. */
  get key(): string {
    return (this.#key ??=
      lowerName(this.bytes.toString('latin1', 12, this.end - 4)) +
      this.bytes.toString('latin1', this.end - 4, this.end - 2))
  }

  /** The name in wire form, one character per byte, in lower case. */
  get name(): string {
    return this.key.slice(0, -2)
  }
}

/** RFC 6891: what the other side can take. */
interface Opt {
  size: number
  version: number
  /** The DO bit. */
  dnssec: boolean
  /** Wants to be told who answers (explain.ts). */
  explain: boolean
}

/** A message that gets no answer at all, or one that has only a header with this rcode. */
export type Refusal = { rcode: number } | undefined

/**
 * Reads one message as a query. Answers are dropped (answering them makes loops); an opcode other than QUERY is NOTIMP; what
 * cannot be read, has not exactly one question, two OPT records or bytes behind its end is FORMERR.
 */
export function readQuery(bytes: Buffer): Query | Refusal {
  if (bytes.length < 12) return undefined
  const first = bytes[2] as number
  if (first & (flags.QR >> 8)) return undefined
  if (first & (opcode >> 8)) return { rcode: rcodes.NOTIMP }
  if (bytes[4] !== 0 || bytes[5] !== 1) return formerr
  let folded = bytes
  let at = 12
  // The first name of a message has nothing before it that a pointer could mean.
  for (let length = bytes[at]; length !== 0; length = bytes[at]) {
    if (length === undefined || length > 63) return formerr
    const next = at + 1 + length
    if (next > 12 + 254) return formerr
    while (++at < next) {
      const letter = bytes[at] as number
      if ((letter - 65) >>> 0 >= 26) continue
      if (folded === bytes) folded = foldable(bytes)
      folded[at] = letter | 0x20
    }
  }
  const end = at + 5
  if (end > bytes.length) return formerr
  const query = new Query(bytes, folded, end, undefined)
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8)
  const additionals = bytes.readUInt16BE(10)
  if (records + additionals === 0) return end === bytes.length ? query : formerr
  return readRest(query, records, additionals) ? query : formerr
}

/** As {@link Query.key}. `name`: in wire form, one character per byte, in lower case. */
export function keyOf(name: string, type: number): string {
  return name + String.fromCharCode(type >> 8, type & 0xff)
}

/** The query on bytes of its own, which nobody overwrites. */
export function owned(query: Query): Query {
  const bytes = Buffer.from(query.bytes)
  return new Query(bytes, query.folded === query.bytes ? bytes : Buffer.from(query.folded), query.end, query.opt)
}

const scratch = Buffer.alloc(512)

/** A copy of the question in memory that the next one overwrites. */
function foldable(bytes: Buffer): Buffer {
  scratch.set(bytes.subarray(0, scratch.length))
  return scratch
}

/** The name as it was spelled, in wire form. */
export function nameOf({ bytes, end }: Query): Uint8Array {
  return bytes.subarray(12, end - 4)
}

/** The labels of {@link Query.name}. */
export function labelsOf(name: string): string[] {
  const labels: string[] = []
  for (let at = 0; at < name.length - 1; ) {
    const next = at + 1 + name.charCodeAt(at)
    labels.push(name.slice(at + 1, next))
    at = next
  }
  return labels
}

const formerr = { rcode: rcodes.FORMERR }

/** The OPT record, from the additional section only; everything must be well-formed and end where the message does. */
function readRest(query: Query, records: number, additionals: number): boolean {
  const { bytes } = query
  let at = query.end
  for (let index = 0; index < records + additionals; index++) {
    const fixed = skipName(bytes, at)
    if (fixed < 0 || fixed + 10 > bytes.length) return false
    const next = fixed + 10 + bytes.readUInt16BE(fixed + 8)
    if (next > bytes.length) return false
    if (bytes.readUInt16BE(fixed) === types.OPT) {
      if (index < records || query.opt || bytes[at] !== 0) return false
      query.opt = {
        size: bytes.readUInt16BE(fixed + 2),
        version: bytes.readUInt8(fixed + 5),
        dnssec: (bytes.readUInt8(fixed + 6) & 0x80) !== 0,
        explain: next > fixed + 10 && asksExplanation(bytes, fixed + 10, next),
      }
    }
    at = next
  }
  return at === bytes.length
}
