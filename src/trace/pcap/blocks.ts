import { addressBytes, type Address } from '../../base/address.ts'

// pcapng (draft-ietf-opsawg-pcapng): blocks of a type, a length, a body and the length again, all numbers in one byte order, everything padded to 32
// bits. Little-endian here: the section header says so.

/** Numbers of blocks, options and name records. */
export const pcapng = {
  block: { section: 0x0a0d0d0a, interface: 1, names: 4, packet: 6 },
  option: { end: 0, comment: 1 },
  section: { os: 3, application: 4 },
  interface: { name: 2, description: 3, resolution: 9, filter: 11 },
  packet: { flags: 2 },
  names: { end: 0, ipv4: 1, ipv6: 2 },
} as const

const byteOrder = 0x1a2b3c4d
/** LINKTYPE_ETHERNET */
const ethernet = 1
/** if_tsresol: ten to the minus ninth. */
const nanoseconds = 9
/** An option's length has 16 bits; what is longer is cut, for nobody reads it. */
const longestText = 2048

export interface Interface {
  /** `node1/cbr0` */
  readonly name: string
  readonly description: string
  /** The most that is kept of a packet. */
  readonly snap: number
}

export interface CapturedPacket {
  /** Which of the interfaces, in the order in which they were written. */
  readonly interface: number
  /** Nanoseconds since 1970. */
  readonly time: bigint
  readonly direction: 'in' | 'out'
  readonly bytes: Uint8Array
  /** The packet's own length; more than `bytes` when it was cut. */
  readonly length: number
  readonly comments: readonly string[]
}

/** Section header block: begins a file. */
export function sectionHeader(about: { application: string; os: string; comment?: string }): Uint8Array {
  const body = new Uint8Array(16)
  const view = new DataView(body.buffer)
  view.setUint32(0, byteOrder, true)
  view.setUint16(4, 1, true)
  // The section's length is not known when it begins.
  view.setBigInt64(8, -1n, true)
  return block(pcapng.block.section, body, [
    ...(about.comment === undefined ? [] : [text(pcapng.option.comment, about.comment)]),
    text(pcapng.section.os, about.os),
    text(pcapng.section.application, about.application),
  ])
}

/** Interface description block. Interfaces are numbered from 0 in the order of their blocks. */
export function interfaceDescription({ name, description, snap }: Interface): Uint8Array {
  const body = new Uint8Array(8)
  const view = new DataView(body.buffer)
  view.setUint16(0, ethernet, true)
  view.setUint32(4, snap, true)
  return block(pcapng.block.interface, body, [
    text(pcapng.interface.name, name),
    text(pcapng.interface.description, description),
    { code: pcapng.interface.resolution, value: Uint8Array.of(nanoseconds) },
  ])
}

/** Name resolution block: what addresses are called. */
export function nameResolution(names: ReadonlyMap<Address, readonly string[]>): Uint8Array {
  const records = [...names].map(([address, called]) => {
    const bytes = addressBytes(address)
    const value = Buffer.concat([bytes, ...called.map((name) => Buffer.from(`${name}\0`, 'utf8'))])
    return { code: bytes.length === 4 ? pcapng.names.ipv4 : pcapng.names.ipv6, value }
  })
  return block(pcapng.block.names, listed([...records, { code: pcapng.names.end, value: new Uint8Array() }]), [])
}

/** Enhanced packet block. */
export function enhancedPacket({
  interface: id,
  time,
  direction,
  bytes,
  length,
  comments,
}: CapturedPacket): Uint8Array {
  const head = new Uint8Array(20)
  const view = new DataView(head.buffer)
  view.setUint32(0, id, true)
  view.setUint32(4, Number(time >> 32n), true)
  view.setUint32(8, Number(time & 0xffffffffn), true)
  view.setUint32(12, bytes.length, true)
  view.setUint32(16, length, true)
  const flags = Uint8Array.of(direction === 'in' ? 1 : 2, 0, 0, 0)
  return block(pcapng.block.packet, Buffer.concat([head, padded(bytes)]), [
    ...comments.map((comment) => text(pcapng.option.comment, comment)),
    { code: pcapng.packet.flags, value: flags },
  ])
}

interface Option {
  readonly code: number
  readonly value: Uint8Array
}

function block(type: number, body: Uint8Array, options: readonly Option[]): Uint8Array {
  const end = { code: pcapng.option.end, value: new Uint8Array() }
  const rest = options.length === 0 ? new Uint8Array() : listed([...options, end])
  const total = 12 + body.length + rest.length
  const bytes = new Uint8Array(total)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, total, true)
  bytes.set(body, 8)
  bytes.set(rest, 8 + body.length)
  view.setUint32(total - 4, total, true)
  return bytes
}

/** Options and name records are written alike: a code, a length, a value that is padded. */
function listed(options: readonly Option[]): Uint8Array {
  return Buffer.concat(
    options.flatMap(({ code, value }) => {
      const head = new Uint8Array(4)
      const view = new DataView(head.buffer)
      view.setUint16(0, code, true)
      view.setUint16(2, value.length, true)
      return [head, padded(value)]
    }),
  )
}

/** UTF-8 without an end mark; cut between characters. */
function text(code: number, value: string): Option {
  const bytes = Buffer.from(value, 'utf8')
  if (bytes.length <= longestText) return { code, value: bytes }
  let end = longestText
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return { code, value: bytes.subarray(0, end) }
}

function padded(bytes: Uint8Array): Uint8Array {
  const missing = -bytes.length & 3
  return missing === 0 ? bytes : Buffer.concat([bytes, new Uint8Array(missing)])
}
