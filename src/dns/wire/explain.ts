import { types } from './message.ts'

// "Who says so?": an EDNS option for local use (RFC 6891 section 9) that a question may carry, empty. The answer then carries it with the handler that
// gave the answer and where it has it from: `cluster: service shop/web`.

export const explainOption = 65_001
/** Bytes of text at most. */
const longest = 200

/** Whether the options of an OPT record, from `at` to `end`, ask for an explanation. What is malformed there asks for nothing. */
export function asksExplanation(bytes: Buffer, at: number, end: number): boolean {
  return valueOf(bytes, at, end) !== undefined
}

/** The OPT record of a question that asks who answers it, as the last record of a message. */
export function explainingOpt(udpSize: number): {
  name: ''
  class: number
  ttl: 0
  type: 'other'
  code: 41
  data: Buffer
} {
  const data = Buffer.alloc(4)
  data.writeUInt16BE(explainOption, 0)
  return { name: '', class: udpSize, ttl: 0, type: 'other', code: types.OPT, data }
}

/** The reply, which ends with an OPT record that has no options, with the text in that record; without it where it would be longer than `limit`. */
export function explained(reply: Buffer, text: string, limit: number): Buffer {
  const value = Buffer.from(text).subarray(0, longest)
  const length = reply.length + 4 + value.length
  if (length > limit) return reply
  const out = Buffer.allocUnsafe(length)
  reply.copy(out)
  out.writeUInt16BE(4 + value.length, reply.length - 2)
  out.writeUInt16BE(explainOption, reply.length)
  out.writeUInt16BE(value.length, reply.length + 2)
  value.copy(out, reply.length + 4)
  return out
}

/** What an OPT record's data say about who answered; undefined when they say nothing. */
export function explanationIn(data: Uint8Array): string | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const value = valueOf(bytes, 0, bytes.length)?.toString('utf8')
  // It comes from a server that may be anybody's, and goes to a terminal.
  return value?.replace(/\p{Cc}/gu, '?') || undefined
}

function valueOf(bytes: Buffer, from: number, end: number): Buffer | undefined {
  for (let at = from; at + 4 <= end; ) {
    const next = at + 4 + bytes.readUInt16BE(at + 2)
    if (next > end) return undefined
    if (bytes.readUInt16BE(at) === explainOption) return bytes.subarray(at + 4, next)
    at = next
  }
  return undefined
}
