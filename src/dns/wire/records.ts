import { addressBytes, addressFromBytes } from '../../base/address.ts'
import { type Data, type ResourceRecord, types } from './message.ts'
import { readName } from './name.ts'
import type { Writer } from './writer.ts'

/** Writes a whole record; throws a RangeError when a name or string in it cannot be. */
export function writeRecord(out: Writer, record: ResourceRecord): void {
  out.name(record.name).u16(codeOf(record)).u16(record.class).u32(record.ttl)
  out.sized(() => writeData(out, record))
}

function codeOf(data: Data): number {
  return data.type === 'other' ? data.code : types[data.type]
}

/** undefined: the data does not fit its type. `end` is the first byte behind the data. */
export function readData(message: Uint8Array, code: number, start: number, end: number): Data | undefined {
  const kind = kindOf.get(code)
  if (!kind) return { type: 'other', code, data: Uint8Array.from(message.subarray(start, end)) }
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  return readers[kind]({ message, view, start, end })
}

type Kind = Exclude<Data['type'], 'other'>
interface Place {
  message: Uint8Array
  view: DataView
  start: number
  end: number
}

const readers = {
  A: ({ message, start, end }) =>
    end - start === 4 ? { type: 'A', address: addressFromBytes(message.subarray(start, end)) } : undefined,
  AAAA: ({ message, start, end }) =>
    end - start === 16 ? { type: 'AAAA', address: addressFromBytes(message.subarray(start, end)) } : undefined,
  CNAME: (at) => readTarget('CNAME', at),
  NS: (at) => readTarget('NS', at),
  PTR: (at) => readTarget('PTR', at),
  SOA: ({ message, view, start, end }) => {
    const mname = readName(message, start)
    const rname = mname && readName(message, mname.end)
    if (!mname || !rname || rname.end + 20 !== end) return undefined
    const word = (index: number): number => view.getUint32(rname.end + 4 * index)
    const [serial, refresh, retry, expire, minimum] = [word(0), word(1), word(2), word(3), word(4)]
    return { type: 'SOA', mname: mname.text, rname: rname.text, serial, refresh, retry, expire, minimum }
  },
  SRV: ({ message, view, start, end }) => {
    const target = start + 6 < end ? readName(message, start + 6) : undefined
    if (target?.end !== end) return undefined
    const [priority, weight, port] = [view.getUint16(start), view.getUint16(start + 2), view.getUint16(start + 4)]
    return { type: 'SRV', priority, weight, port, target: target.text }
  },
  TXT: (at) => readStrings('TXT', at),
  HINFO: (at) => readStrings('HINFO', at),
} satisfies Record<Kind, (at: Place) => Data | undefined>

const kindOf = new Map((Object.keys(readers) as Kind[]).map((kind) => [types[kind] as number, kind]))

function writeData(out: Writer, data: Data): void {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      out.bytes(addressBytes(data.address))
      break
    case 'CNAME':
    case 'NS':
    case 'PTR':
      out.name(data.target)
      break
    case 'SOA':
      out.name(data.mname).name(data.rname)
      out.u32(data.serial).u32(data.refresh).u32(data.retry).u32(data.expire).u32(data.minimum)
      break
    case 'SRV':
      // RFC 2782 forbids pointers in the target.
      out.u16(data.priority).u16(data.weight).u16(data.port).plainName(data.target)
      break
    case 'TXT':
    case 'HINFO':
      for (const text of data.strings) writeString(out, text)
      break
    case 'other':
      out.bytes(data.data)
      break
  }
}

function readTarget(type: 'CNAME' | 'NS' | 'PTR', { message, start, end }: Place): Data | undefined {
  const target = readName(message, start)
  return target?.end === end ? { type, target: target.text } : undefined
}

function readStrings(type: 'TXT' | 'HINFO', { message, start, end }: Place): Data | undefined {
  const strings: string[] = []
  for (let at = start; at < end; ) {
    const next = at + 1 + (message[at] ?? 0)
    if (next > end) return undefined
    strings.push(Buffer.from(message.subarray(at + 1, next)).toString('latin1'))
    at = next
  }
  return { type, strings }
}

function writeString(out: Writer, text: string): void {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length > 255) throw new RangeError(`a character string has at most 255 bytes, not ${bytes.length}`)
  out.u8(bytes.length).bytes(bytes)
}
