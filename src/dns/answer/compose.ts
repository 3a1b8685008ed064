import { echoed, flags } from '../wire/message.ts'
import { optLength, writeOpt } from '../wire/opt.ts'
import type { Query } from '../wire/query.ts'
import type { Answer } from './answer.ts'

/**
 * Whatever the other side says: a forged source address must not turn a few bytes into sixty thousand at somebody else's, and longer datagrams come
 * in many fragments or not at all. Who can take more asks again over TCP.
 */
const longestUdp = 4096

/** How long an answer over UDP may be (RFC 6891 section 6.2.5). */
export function udpLimit(query: Query): number {
  return query.opt ? Math.min(Math.max(512, query.opt.size), longestUdp) : 512
}

/**
 * The reply to one query: its own id and question, in its own spelling, the records in a new order, an OPT record when it had
 * one. Over `limit` records are left out from the end; TC says so when one of them is an answer or an authority (RFC 2181
 * section 9). What is returned is overwritten by the next reply.
 */
export function compose(query: Query, answer: Answer, extra: number, limit: number): Buffer {
  const { bytes, end, opt } = query
  const { tail, ends } = answer
  const room = limit - end - (opt ? optLength : 0)
  let kept = ends.length
  let length = tail.length
  while (length > room) length = --kept === 0 ? 0 : (ends[kept - 1] as number)
  const cut = kept < answer.answers + answer.authorities

  const total = end + length + (opt ? optLength : 0)
  for (let at = 0; at < end; at++) scratch[at] = bytes[at] as number
  const word = extra | flags.QR | (cut ? flags.TC : 0) | (answer.rcode & 0xf)
  scratch[2] = ((bytes[2] as number) & (echoed >> 8)) | (word >> 8)
  scratch[3] = ((bytes[3] as number) & (echoed & 0xff)) | (word & 0xff)
  const answers = Math.min(kept, answer.answers)
  const authorities = Math.min(kept - answers, answer.authorities)
  writeCount(6, answers)
  writeCount(8, authorities)
  writeCount(10, kept - answers - authorities + (opt ? 1 : 0))
  if (length > shortCopy) scratch.set(length === tail.length ? tail : tail.subarray(0, length), end)
  else for (let at = 0; at < length; at++) scratch[end + at] = tail[at] as number
  for (const run of answer.runs) shuffle(tail, scratch, end, run.start, run.size, run.count, length)
  if (opt) writeOpt(scratch, end + length, answer.rcode, opt.dnssec)
  return viewOf(total)
}

/** Most replies are sent at once, and memory of their own would cost more than making them. */
const scratch = Buffer.alloc(0x10000)
/** Of every length of a usual reply. */
const views: (Buffer | undefined)[] = []
const usual = 1500
/** Below this a loop is done before a call has begun. */
const shortCopy = 48

function viewOf(length: number): Buffer {
  return length > usual ? scratch.subarray(0, length) : (views[length] ??= scratch.subarray(0, length))
}

function writeCount(at: number, count: number): void {
  scratch[at] = count >> 8
  scratch[at + 1] = count & 0xff
}

/** Only a header, for a message whose question cannot be read. */
export function refuse(bytes: Buffer, rcode: number): Buffer {
  const out = Buffer.alloc(12)
  bytes.copy(out, 0, 0, 4)
  out.writeUInt16BE((out.readUInt16BE(2) & echoed) | flags.QR | rcode, 2)
  return out
}

/** Fills the run's places in `out` with its records in random order; where some do not fit, with random ones of them. */
function shuffle(
  tail: Buffer,
  out: Buffer,
  base: number,
  start: number,
  size: number,
  count: number,
  length: number,
): void {
  const places = Math.min(count, Math.floor((length - start) / size))
  if (order.length < count) order = new Uint16Array(count)
  for (let at = 0; at < count; at++) order[at] = at
  for (let at = 0; at < places; at++) {
    const pick = at + Math.floor(Math.random() * (count - at))
    const from = start + (order[pick] as number) * size
    order[pick] = order[at] as number
    const to = base + start + at * size
    for (let byte = 0; byte < size; byte++) out[to + byte] = tail[from + byte] as number
  }
}

let order = new Uint16Array(64)
