import dnsPacket from 'dns-packet'
import type { Transport } from '../../handlers/handler.ts'
import { decodeMessage } from '../../wire/codec.ts'
import { explainOption } from '../../wire/explain.ts'
import { flags, type Message, type ResourceRecord } from '../../wire/message.ts'
import { type Expected, expectedOf } from './expected.ts'

/** What is wrong with the reply to `message`, in words; undefined: nothing. */
export function wrongWith(message: Buffer, transport: Transport, reply: Buffer | undefined): string | undefined {
  const expected = expectedOf(message)
  if (expected.kind === 'nothing') return reply && 'an answer to what must get none'
  if (!reply) return 'no answer'
  if (reply.length < 12) return 'not even a header'
  if (reply.readUInt16BE(0) !== message.readUInt16BE(0)) return 'another id'
  const [asked, word] = [message.readUInt16BE(2), reply.readUInt16BE(2)]
  if ((word & flags.QR) === 0) return 'no response bit'
  if (((asked ^ word) & 0x7910) !== 0) return 'another opcode, or other wishes (RD, CD)'
  if ((word & 0x0040) !== 0) return 'the bit that must be zero is set'
  if (expected.kind === 'answer') return wrongAnswer(message, transport, reply, expected)
  if (reply.length !== 12 || !reply.subarray(4).equals(none)) return 'more than a header'
  return (word & (flags.AA | flags.TC | 0xf)) === expected.rcode
    ? undefined
    : `rcode ${word & 0xf}, not ${expected.rcode}`
}

/** dns-packet's word against ours: undefined, or what it reads differently. It looks into data that we pass on as they are: then it is not asked. */
export function oracleDiffers(reply: Buffer): string | undefined {
  const ours = decodeMessage(reply)
  const records = ours ? [...ours.answers, ...ours.authorities, ...ours.additionals] : []
  if (!ours || records.some((one) => one.type === 'other' && one.code !== 41)) return undefined
  const theirs = dnsPacket.decode(reply)
  if (ours.questions.length !== (theirs.questions?.length ?? 0)) return 'dns-packet reads another question'
  for (const section of ['answers', 'authorities', 'additionals'] as const) {
    const mine = ours[section].map(({ type }) => (type === 'other' ? 'OPT' : type)).join(' ')
    const other = (theirs[section] ?? []).map(({ type }) => type).join(' ')
    if (mine !== other) return `dns-packet reads ${section} as ${other}, not ${mine}`
  }
  return undefined
}

/** The same code, flags and records, in any order; where records were left out, as many. TTLs of upstreams' answers pass meanwhile. */
export function readyDiffers(ready: Buffer, slow: Buffer): string | undefined {
  if ([ready, slow].every((bytes) => (bytes.readUInt16BE(2) & flags.AA) === 0)) return undefined
  const [mine, other] = [ready, slow].map((bytes) => {
    const message = decodeMessage(bytes)
    if (!message) return 'nothing'
    const { flags: word, rcode, answers, authorities, additionals } = message
    const sections = [answers, authorities, additionals]
    const cut = (word & flags.TC) !== 0
    return JSON.stringify([word, rcode, sections.map((of) => (cut ? of.length : of.map(textOf).sort()))])
  })
  return mine === other ? undefined : `with ready answers ${mine}, without ${other}`
}

function textOf(record: ResourceRecord): string {
  return JSON.stringify(record, (_, value: unknown) => (value instanceof Uint8Array ? Array.from(value) : value))
}

const none = Buffer.alloc(8)

function wrongAnswer(
  message: Buffer,
  transport: Transport,
  reply: Buffer,
  { end, opt, rcode }: Extract<Expected, { kind: 'answer' }>,
): string | undefined {
  const limit = transport === 'tcp' ? 0xffff : Math.min(Math.max(512, opt?.size ?? 0), 4096)
  if (reply.length > limit) return `${reply.length} bytes where ${limit} are allowed`
  if (reply.length < end || message.compare(reply, 12, end, 12, end) !== 0) return 'the question is not echoed'
  const read = decodeMessage(reply)
  if (!read) return 'a malformed answer'
  if (read.questions.length !== 1) return `${read.questions.length} questions`
  const echoed = wrongOpt(read, opt)
  if (echoed !== undefined) return echoed
  const records = read.answers.length + read.authorities.length + read.additionals.length - (opt ? 1 : 0)
  const code = read.rcode | ((opt ? (read.additionals.at(-1)?.ttl ?? 0) >>> 24 : 0) << 4)
  if (rcode === undefined) return undefined
  if (code !== rcode) return `rcode ${code}, not ${rcode}`
  const longest = message.length + explanation(read.additionals.at(-1)).length
  return records > 0 || reply.length > longest ? 'a refusal longer than the question' : undefined
}

/** Exactly as many OPT records as the question has (RFC 6891 section 6.1.1), last here, and DO as it came (RFC 3225 section 3). */
function wrongOpt(
  { answers, authorities, additionals }: Message,
  opt: { dnssec: boolean; explain: boolean } | undefined,
): string | undefined {
  const opts = [...answers, ...authorities, ...additionals].filter((one) => one.type === 'other' && one.code === 41)
  if (opts.length !== (opt ? 1 : 0)) return `${opts.length} OPT records`
  if (!opt) return undefined
  const last = additionals.at(-1)
  if (last !== opts[0]) return 'OPT is not the last record'
  const { ttl = 0, name } = last ?? {}
  if (name !== '' || (ttl & 0x00ff_0000) !== 0) return 'OPT with a name, or of another version'
  if ((ttl & 0xffff) !== (opt.dnssec ? 0x8000 : 0)) return 'OPT with other flags'
  const said = explanation(last)
  if (said.length === 0) return undefined
  if (!opt.explain) return 'an option that nobody asked for'
  const bytes = Buffer.from(said)
  const good = bytes.length <= 4 + 200 && bytes.readUInt16BE(0) === explainOption
  return good && bytes.readUInt16BE(2) === bytes.length - 4 ? undefined : 'another option than who answered'
}

/** The data of OPT. */
function explanation(record: ResourceRecord | undefined): Uint8Array {
  return record?.type === 'other' && record.code === 41 ? record.data : Buffer.alloc(0)
}
