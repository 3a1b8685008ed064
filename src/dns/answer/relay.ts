import { countDown, type Reply } from '../forward/reply.ts'
import { flags } from '../wire/message.ts'
import type { Query } from '../wire/query.ts'
import { writeOpt } from './compose.ts'

/** An upstream's reply as the answer to this query: its id, its spelling, its limit, its OPT, and TTLs as they are by now. */
export function relay(query: Query, reply: Reply, limit: number): Buffer {
  const { bytes, end, opt } = query
  const optLength = opt ? 11 : 0
  const fits = reply.bytes.length + optLength <= limit
  const length = fits ? reply.bytes.length : end
  const out = Buffer.allocUnsafe(length + optLength)
  reply.bytes.copy(out, 0, 0, length)
  if (fits) countDown(out, reply)
  else out.fill(0, 6, 12)
  bytes.copy(out, 12, 12, end)
  out.writeUInt16BE(bytes.readUInt16BE(0), 0)
  const asked = bytes.readUInt16BE(2) & (0x7800 | flags.RD | flags.CD)
  const kept = reply.bytes.readUInt16BE(2) & (opt?.dnssec === true ? flags.AD : 0)
  const cut = !fits || reply.truncated ? flags.TC : 0
  out.writeUInt16BE(flags.QR | flags.RA | asked | kept | cut | (reply.rcode & 0xf), 2)
  if (opt) {
    out.writeUInt16BE(out.readUInt16BE(10) + 1, 10)
    writeOpt(out, length, reply.rcode, opt.dnssec)
  }
  return out
}
