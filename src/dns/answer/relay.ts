import { countDown, type Reply } from '../forward/reply.ts'
import { echoed, flags } from '../wire/message.ts'
import { optLength, writeOpt } from '../wire/opt.ts'
import type { Query } from '../wire/query.ts'

/**
 * An upstream's reply as the answer to this query: its id, its spelling, its OPT, TTLs as they are by now, addresses in a new
 * order. Over `limit` records are left out from the end; TC says so when one of them is an answer or an authority (RFC 2181
 * section 9): clients that know no TCP take what is there.
 */
export function relay(query: Query, reply: Reply, limit: number): Buffer {
  const { bytes, end, opt } = query
  const room = limit - (opt ? optLength : 0)
  const whole = reply.bytes.length
  const out = Buffer.allocUnsafe(whole + optLength)
  reply.bytes.copy(out, 0)
  countDown(out, reply)
  for (const { at, size } of reply.runs) shuffle(out, at, size)
  const { length, cut } = whole <= room ? { length: whole, cut: false } : cutTo(room, out, end, reply)

  bytes.copy(out, 12, 12, end)
  out.writeUInt16BE(bytes.readUInt16BE(0), 0)
  const asked = bytes.readUInt16BE(2) & echoed
  const kept = reply.bytes.readUInt16BE(2) & (opt?.dnssec === true ? flags.AD : 0)
  const truncated = cut || reply.truncated ? flags.TC : 0
  out.writeUInt16BE(flags.QR | flags.RA | asked | kept | truncated | (reply.rcode & 0xf), 2)
  if (!opt) return out.subarray(0, length)
  out.writeUInt16BE(out.readUInt16BE(10) + 1, 10)
  writeOpt(out, length, reply.rcode, opt.dnssec)
  return out.subarray(0, length + optLength)
}

/** Pointers in names point backward, so that any number of first records is a message. Sets the counts. */
function cutTo(room: number, out: Buffer, question: number, { ttls }: Reply): { length: number; cut: boolean } {
  let length = question
  let left = 0
  for (const at of ttls) {
    const next = at + 6 + out.readUInt16BE(at + 4)
    if (next > room) break
    length = next
    left++
  }
  const needed = out.readUInt16BE(6) + out.readUInt16BE(8)
  const cut = left < needed
  for (const at of [6, 8, 10]) {
    const count = Math.min(left, out.readUInt16BE(at))
    out.writeUInt16BE(count, at)
    left -= count
  }
  return { length, cut }
}

/** So that clients that take the first one spread, also over an answer that is kept. */
function shuffle(out: Buffer, at: readonly number[], size: number): void {
  for (let left = at.length - 1; left > 0; left--) {
    const [a, b] = [at[left] ?? 0, at[Math.floor(Math.random() * (left + 1))] ?? 0]
    for (let byte = 0; byte < size; byte++) {
      const kept = out[a + byte] ?? 0
      out[a + byte] = out[b + byte] ?? 0
      out[b + byte] = kept
    }
  }
}
