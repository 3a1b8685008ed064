import { explainOption } from '../../wire/explain.ts'

/** What the RFCs say about the reply to a message, read a second time and without the server's own reader. */
export type Expected =
  | { kind: 'nothing' }
  /** Only a header. */
  | { kind: 'header'; rcode: number }
  | {
      kind: 'answer'
      /** Behind the question. */
      end: number
      type: number
      opt: { size: number; dnssec: boolean; explain: boolean } | undefined
      /** The code, where the message alone decides it; then there are no records. */
      rcode: number | undefined
    }

export function expectedOf(message: Buffer): Expected {
  // Answers are never answered: two servers would do so for ever.
  if (message.length < 12 || ((message[2] ?? 0) & 0x80) !== 0) return { kind: 'nothing' }
  if (((message[2] ?? 0) & 0x78) !== 0) return { kind: 'header', rcode: notImp }
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at))
  const name = questions === 1 ? nameEnd(message, 12, false) : undefined
  if (name === undefined || name - 12 > 255 || name + 4 > message.length) return formErr
  const end = name + 4
  const records = readRecords(message, end, (answers ?? 0) + (authorities ?? 0) + (additionals ?? 0))
  if (!records) return formErr
  const opts = records.filter(({ type }) => type === 41)
  const [opt] = opts
  if (opts.length > 1) return formErr
  if (opt && (opt.index < (answers ?? 0) + (authorities ?? 0) || message[opt.start] !== 0)) return formErr
  const [type, of] = [message.readUInt16BE(name), message.readUInt16BE(name + 2)]
  let rcode: number | undefined
  if (opt && message[opt.start + 6] !== 0) rcode = badVers
  else if (of !== 1 || type === 251 || type === 252) rcode = refused
  const answer = { kind: 'answer' as const, end, type, rcode }
  if (!opt) return { ...answer, opt: undefined }
  const dnssec = ((message[opt.start + 7] ?? 0) & 0x80) !== 0
  const explain = hasOption(message.subarray(opt.start + 11, opt.end))
  return { ...answer, opt: { size: message.readUInt16BE(opt.start + 3), dnssec, explain } }
}

function hasOption(options: Buffer): boolean {
  for (let rest = options; rest.length >= 4; rest = rest.subarray(4 + rest.readUInt16BE(2))) {
    if (4 + rest.readUInt16BE(2) > rest.length) return false
    if (rest.readUInt16BE(0) === explainOption) return true
  }
  return false
}

const formErr: Expected = { kind: 'header', rcode: 1 }
const notImp = 4
const refused = 5
const badVers = 16

interface Placed {
  index: number
  start: number
  end: number
  type: number
}

/** undefined: they do not end where the message does. */
function readRecords(message: Buffer, from: number, count: number): Placed[] | undefined {
  const found: Placed[] = []
  let start = from
  for (let index = 0; index < count; index++) {
    const name = nameEnd(message, start, true)
    if (name === undefined || name + 10 > message.length) return undefined
    const end = name + 10 + message.readUInt16BE(name + 8)
    found.push({ index, start, end, type: message.readUInt16BE(name) })
    start = end
  }
  return start === message.length ? found : undefined
}

function nameEnd(message: Buffer, from: number, pointers: boolean): number | undefined {
  let at = from
  while (at < message.length) {
    const length = message[at] ?? 0
    if (length === 0) return at + 1 - from > 255 ? undefined : at + 1
    if (length >= 0xc0) return pointers && at + 2 <= message.length ? at + 2 : undefined
    if (length > 63) return undefined
    at += length + 1
    if (at - from > 255) return undefined
  }
  return undefined
}
