import { flags, rcodes, types } from '../wire/message.ts'
import { lowerName, readName, skipName } from '../wire/name.ts'

/** An upstream's answer, checked, without its OPT record. */
export interface Reply {
  bytes: Buffer
  /** Where each record's TTL stands. */
  ttls: readonly number[]
  rcode: number
  truncated: boolean
  /** The smallest TTL, or for a negative answer the SOA's own rule (RFC 2308 section 5); 0 when there is nothing to keep. */
  ttl: number
  negative: boolean
}

/**
 * Reads what came from an upstream as the answer to `asked`; undefined when it is not that answer (id, question, response
 * bit) or is malformed.
 */
export function readReply(bytes: Buffer, asked: Buffer): Reply | undefined {
  const nameEnd = skipName(asked, 12)
  const end = nameEnd + 4
  if (bytes.length < end || bytes.readUInt16BE(0) !== asked.readUInt16BE(0)) return undefined
  const word = bytes.readUInt16BE(2)
  if ((word & (flags.QR | 0x7800)) !== flags.QR || bytes.readUInt16BE(4) !== 1) return undefined
  if (lowerName(bytes.toString('latin1', 12, nameEnd)) !== lowerName(asked.toString('latin1', 12, nameEnd)))
    return undefined
  if (bytes.readUInt32BE(nameEnd) !== asked.readUInt32BE(nameEnd)) return undefined

  const truncated = (word & flags.TC) !== 0
  const records = readRecords(bytes, end, truncated)
  if (!records) return undefined
  // A code above 15 speaks of the EDNS between us and the upstream: to whoever asked us, it failed.
  const extended = records.opt ? (bytes[records.opt.fixed + 4] ?? 0) : 0
  const rcode = extended === 0 ? word & 0xf : rcodes.SERVFAIL
  const negative = rcode === rcodes.NXDOMAIN || (rcode === rcodes.NOERROR && bytes.readUInt16BE(6) === 0)
  const ttl = negative ? (records.soa ?? 0) : Math.min(...records.ttls.map((at) => bytes.readUInt32BE(at)))
  return {
    bytes: withoutOpt(bytes, records),
    ttls: records.ttls.filter((at) => !records.opt || at < records.opt.start),
    rcode,
    truncated,
    ttl: Number.isFinite(ttl) ? ttl : 0,
    negative,
  }
}

interface Records {
  ttls: number[]
  /** Where everything that was read ends. */
  end: number
  /** Nothing of it could be kept. */
  none?: true
  /** How long a "there is none" holds. */
  soa?: number
  opt?: { start: number; fixed: number; behind: number }
}

/** A truncated message may end in the middle of a record: then only its question is kept. */
function readRecords(bytes: Buffer, start: number, truncated: boolean): Records | undefined {
  const found: Records = { ttls: [], end: start }
  const counts = [bytes.readUInt16BE(6), bytes.readUInt16BE(8), bytes.readUInt16BE(10)]
  const total = counts.reduce((sum, count) => sum + count, 0)
  for (let index = 0; index < total; index++) {
    const at = found.end
    // Pointers inside a name are followed once here, so that what is passed on can be read by whoever asked.
    const fixed = readName(bytes, at)?.end ?? -1
    const next = fixed < 0 || fixed + 10 > bytes.length ? -1 : fixed + 10 + bytes.readUInt16BE(fixed + 8)
    if (next < 0 || next > bytes.length) return truncated ? { ttls: [], end: start, none: true } : undefined
    const type = bytes.readUInt16BE(fixed)
    if (type === types.OPT) found.opt ??= { start: at, fixed, behind: total - index - 1 }
    else found.ttls.push(fixed + 4)
    if (type === types.SOA && next - fixed >= 30)
      found.soa = Math.min(bytes.readUInt32BE(fixed + 4), bytes.readUInt32BE(next - 4))
    found.end = next
  }
  return found
}

/** OPT is hop by hop. It stands last in practice; were it not, what is behind it are additional records, which may go. */
function withoutOpt(bytes: Buffer, { opt, end, none }: Records): Buffer {
  const kept = Buffer.from(bytes.subarray(0, opt ? opt.start : end))
  if (none) kept.fill(0, 6, 12)
  if (opt) kept.writeUInt16BE(Math.max(0, kept.readUInt16BE(10) - 1 - opt.behind), 10)
  return kept
}
