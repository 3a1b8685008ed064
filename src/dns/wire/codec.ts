import { type Data, type Message, type Question, type ResourceRecord } from './message.ts'
import { readName } from './name.ts'
import { readData, writeRecord } from './records.ts'
import { Writer } from './writer.ts'

/** A whole message, names compressed. Throws a RangeError when a name or string in it cannot be written. */
export function encodeMessage(message: Message): Buffer {
  const { id, questions, answers, authorities, additionals } = message
  const out = new Writer()
  out.u16(id).u16((message.flags & ~0xf) | (message.rcode & 0xf))
  for (const section of [questions, answers, authorities, additionals]) out.u16(section.length)
  for (const { name, type, class: of } of questions) out.name(name).u16(type).u16(of)
  for (const section of [answers, authorities, additionals]) for (const record of section) writeRecord(out, record)
  return out.done()
}

/** The message, or undefined when any part of it is malformed or bytes are left over. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  if (bytes.length < 12) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const reader = { bytes, view, at: 12 }
  const questions = section(view.getUint16(4), () => readQuestion(reader))
  const answers = questions && section(view.getUint16(6), () => readRecord(reader))
  const authorities = answers && section(view.getUint16(8), () => readRecord(reader))
  const additionals = authorities && section(view.getUint16(10), () => readRecord(reader))
  if (!additionals || reader.at !== bytes.length) return undefined
  const word = view.getUint16(2)
  const rcode = word & 0xf
  return { id: view.getUint16(0), flags: word & ~0xf, rcode, questions, answers, authorities, additionals }
}

interface Reader {
  bytes: Uint8Array
  view: DataView
  at: number
}

function section<T>(count: number, read: () => T | undefined): T[] | undefined {
  const found: T[] = []
  while (found.length < count) {
    const one = read()
    if (one === undefined) return undefined
    found.push(one)
  }
  return found
}

function readQuestion(reader: Reader): Question | undefined {
  const name = readName(reader.bytes, reader.at)
  if (!name || name.end + 4 > reader.bytes.length) return undefined
  reader.at = name.end + 4
  return { name: name.text, type: reader.view.getUint16(name.end), class: reader.view.getUint16(name.end + 2) }
}

function readRecord(reader: Reader): ResourceRecord | undefined {
  const { bytes, view } = reader
  const name = readName(bytes, reader.at)
  if (!name || name.end + 10 > bytes.length) return undefined
  const start = name.end + 10
  const end = start + view.getUint16(name.end + 8)
  if (end > bytes.length) return undefined
  const data: Data | undefined = readData(bytes, view.getUint16(name.end), start, end)
  if (!data) return undefined
  reader.at = end
  return { name: name.text, class: view.getUint16(name.end + 2), ttl: view.getUint32(name.end + 4), ...data }
}
