import { decodeMessage } from '../wire/codec.ts'
import { flags, opcode, rcodes, types } from '../wire/message.ts'
import { lowerName, readName, skipName } from '../wire/name.ts'

/** An upstream's answer, checked, without its OPT record. */
export interface Reply {
  readonly bytes: Buffer
  /** Where each record's TTL stands. */
  readonly ttls: readonly number[]
  /** Addresses of one name in the answer, by where they stand: any order is as good. */
  readonly runs: readonly Run[]
  readonly rcode: number
  readonly truncated: boolean
  /** The smallest TTL, or for a negative answer the SOA's own rule (RFC 2308 section 5); 0 when there is nothing to keep. */
  readonly ttl: number
  /** No such name, or nothing of the type that was asked for. */
  readonly negative: boolean
  /** Seconds since it came: its TTLs are so much lower by now. */
  readonly age: number
  /** Past its time (RFC 8767): every TTL is this. */
  readonly staleTtl?: number
}

const headerLength = 12
const noRuns: readonly Run[] = []

interface Run {
  readonly at: readonly number[]
  /** Bytes of an address. */
  readonly size: number
}

/**
 * Reads what came from an upstream as the answer to `asked`; undefined when it is not that answer (id, question, response
 * bit) or is malformed.
 */
export function readReply(bytes: Buffer, asked: Buffer): Reply | undefined {
  const nameEnd = skipName(asked, 12)
  const end = nameEnd + 4
  if (bytes.length < headerLength || bytes.readUInt16BE(0) !== asked.readUInt16BE(0)) return undefined
  const word = bytes.readUInt16BE(2)
  if ((word & (flags.QR | opcode)) !== flags.QR) return undefined
  if (bytes.length === headerLength) return onlyHeader(bytes, asked.subarray(headerLength, end))
  if (bytes.length < end || bytes.readUInt16BE(4) !== 1) return undefined
  if (lowerName(bytes.toString('latin1', 12, nameEnd)) !== lowerName(asked.toString('latin1', 12, nameEnd)))
    return undefined
  if (bytes.readUInt32BE(nameEnd) !== asked.readUInt32BE(nameEnd)) return undefined

  const truncated = (word & flags.TC) !== 0
  const records = readRecords(bytes, end, truncated)
  if (!records) return undefined
  // A code above 15 speaks of the EDNS between us and the upstream: to whoever asked us, it failed.
  const extended = records.opt ? (bytes[records.opt.fixed + 4] ?? 0) : 0
  const rcode = extended === 0 ? word & 0xf : rcodes.SERVFAIL
  const negative = rcode === rcodes.NXDOMAIN || (rcode === rcodes.NOERROR && !records.data)
  const kept = withoutOpt(bytes, records)
  // Copies have no room to grow, and none is made for what is not there: this may be kept.
  const ttls = records.ttls.filter((at) => at < kept.length).slice()
  const runs = records.runs.filter(({ at }) => at.length > 1).map(({ at, size }) => ({ at: at.slice(), size }))
  if (!isReadable(kept, ttls, runs)) return undefined
  // Whoever keeps this answer after us reads the SOA's TTL: it has to say what the rule says.
  if (negative && records.soa) kept.writeUInt32BE(records.soa.ttl, records.soa.at)
  // Without an SOA nothing says how long there is nothing.
  const lasting = negative && !records.soa && bytes.readUInt16BE(6) === 0 ? [] : ttls
  const ttl = lasting.length === 0 ? 0 : Math.min(...lasting.map((at) => secondsAt(kept, at)))
  return {
    bytes: kept,
    ttls,
    runs: runs.length > 0 ? runs : noRuns,
    rcode,
    truncated,
    ttl,
    negative,
    age: 0,
  }
}

/** Servers that cannot read a question, or will not, may say that with a header alone: older ones say so of EDNS. Nothing else can be said that way. */
function onlyHeader(header: Buffer, question: Buffer): Reply | undefined {
  const rcode = header.readUInt16BE(2) & 0xf
  if (rcode === rcodes.NOERROR || rcode === rcodes.NXDOMAIN) return undefined
  if (header.readUInt32BE(4) !== 0 || header.readUInt32BE(8) !== 0) return undefined
  const bytes = Buffer.concat([header, question])
  bytes.writeUInt16BE(1, 4)
  return { bytes, ttls: [], runs: noRuns, rcode, truncated: false, ttl: 0, negative: false, age: 0 }
}

/** The message as it is given now, its TTLs counted down. */
export function bytesNow(reply: Reply): Buffer {
  if (reply.age === 0 && reply.staleTtl === undefined) return reply.bytes
  const bytes = Buffer.from(reply.bytes)
  countDown(bytes, reply)
  return bytes
}

/** `out` starts as the reply's bytes do. */
export function countDown(out: Buffer, { ttls, age, staleTtl }: Reply): void {
  if (staleTtl !== undefined) for (const at of ttls) out.writeUInt32BE(staleTtl, at)
  else if (age > 0) for (const at of ttls) out.writeUInt32BE(Math.max(0, secondsAt(out, at) - age), at)
}

/** A TTL with its highest bit set means 0 (RFC 2181 section 8). */
function secondsAt(bytes: Buffer, at: number): number {
  const seconds = bytes.readUInt32BE(at)
  return seconds > 0x7fffffff ? 0 : seconds
}

interface Records {
  ttls: number[]
  runs: { name: string; at: number[]; size: number }[]
  /** Where everything that was read ends. */
  end: number
  /** Nothing of it could be kept. */
  none?: true
  /** The answer has a record of the type that was asked for. */
  data?: true
  /** How long a "there is none" holds, and where the SOA's TTL stands. */
  soa?: { at: number; ttl: number }
  opt?: { start: number; fixed: number; behind: number }
}

/** A truncated message may end in the middle of a record: then only its question is kept. */
function readRecords(bytes: Buffer, start: number, truncated: boolean): Records | undefined {
  const found: Records = { ttls: [], runs: [], end: start }
  const wanted = bytes.readUInt16BE(start - 4)
  const answers = bytes.readUInt16BE(6)
  const authorities = answers + bytes.readUInt16BE(8)
  const total = authorities + bytes.readUInt16BE(10)
  for (let index = 0; index < total; index++) {
    const at = found.end
    // Pointers inside a name are followed once here, so that what is passed on can be read by whoever asked.
    const owner = readName(bytes, at)
    const fixed = owner?.end ?? -1
    const next = fixed < 0 || fixed + 10 > bytes.length ? -1 : fixed + 10 + bytes.readUInt16BE(fixed + 8)
    if (next < 0 || next > bytes.length) return truncated ? { ttls: [], runs: [], end: start, none: true } : undefined
    const type = bytes.readUInt16BE(fixed)
    // RFC 6891 section 6.1.1.
    if (type === types.OPT && (index < authorities || found.opt)) return undefined
    if (type === types.OPT) found.opt = { start: at, fixed, behind: total - index - 1 }
    else found.ttls.push(fixed + 4)
    if (index < answers && (type === wanted || wanted === types.ANY)) found.data = true
    if (index < answers && owner && bytes.readUInt16BE(fixed + 2) === 1)
      addToRuns(found.runs, owner.text, type, fixed + 10, next)
    if (type === types.SOA && index >= answers && index < authorities && next - fixed >= 30)
      found.soa = { at: fixed + 4, ttl: Math.min(secondsAt(bytes, fixed + 4), secondsAt(bytes, next - 4)) }
    found.end = next
  }
  return found
}

function addToRuns(runs: Records['runs'], owner: string, type: number, start: number, end: number): void {
  const size = end - start
  if (!(type === types.A && size === 4) && !(type === types.AAAA && size === 16)) return
  const name = lowerName(owner)
  const last = runs.at(-1)
  if (last?.name === name && last.size === size) last.at.push(start)
  else runs.push({ name, at: [start], size })
}

/**
 * An OPT record among the answers, data that do not fit their type: whoever asked could not read that either. Nor may a name, by way of pointers, read a
 * TTL or an address, which change on the way. No label begins with 0x80.
 */
function isReadable(message: Buffer, ttls: readonly number[], runs: readonly Run[]): boolean {
  const copy = Buffer.from(message)
  for (const at of ttls) copy.fill(0x80, at, at + 4)
  for (const { at, size } of runs) for (const start of at) copy.fill(0x80, start, start + size)
  return decodeMessage(copy) !== undefined
}

/**
 * A copy with memory of its own: a piece of a shared slab would hold the whole slab for as long as it is kept. OPT is hop by hop. It stands last in
 * practice; were it not, what is behind it are additional records, which may go.
 */
function withoutOpt(bytes: Buffer, { opt, end, none }: Records): Buffer {
  const length = opt ? opt.start : end
  const kept = Buffer.allocUnsafeSlow(length)
  bytes.copy(kept, 0, 0, length)
  if (none) kept.fill(0, 6, 12)
  if (opt) kept.writeUInt16BE(Math.max(0, kept.readUInt16BE(10) - 1 - opt.behind), 10)
  return kept
}
