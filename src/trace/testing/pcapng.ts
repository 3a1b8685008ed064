import { type Address, addressFromBytes } from '../../base/address.ts'

/** A pcapng file as a test sees it. */
export interface PcapFile {
  readonly comment: string | undefined
  readonly application: string
  readonly interfaces: { name: string; description: string; snap: number }[]
  readonly names: Map<Address, string[]>
  readonly packets: {
    interface: number
    time: bigint
    direction: 'in' | 'out'
    bytes: Uint8Array
    length: number
    comments: string[]
  }[]
}

/**
 * Reads a file by the words of draft-ietf-opsawg-pcapng and not by those of the writer: everything that must be so is demanded, and the
 * first that is not throws. One section, little-endian, Ethernet, nanoseconds.
 */
export function readPcapng(file: Uint8Array): PcapFile {
  const found: { -readonly [Key in keyof PcapFile]: PcapFile[Key] } = {
    comment: undefined,
    application: '',
    interfaces: [],
    names: new Map(),
    packets: [],
  }
  let at = 0
  while (at < file.length) {
    demand(file.length - at >= 12, 'a block has at least 12 bytes')
    const type = u32(file, at)
    const total = u32(file, at + 4)
    demand(total % 4 === 0 && total >= 12 && at + total <= file.length, `block of ${total} bytes at ${at}`)
    demand(u32(file, at + total - 4) === total, 'both lengths of a block are the same')
    const body = file.subarray(at + 8, at + total - 4)
    demand((type === 0x0a0d0d0a) === (at === 0), 'a file begins with the only section header')
    switch (type) {
      case 0x0a0d0d0a: {
        demand(u32(body, 0) === 0x1a2b3c4d, 'the byte order is little-endian')
        demand(u16(body, 4) === 1 && u16(body, 6) === 0, 'version 1.0')
        const options = optionsOf(body.subarray(16))
        found.comment = options.texts(1)[0]
        found.application = options.texts(4)[0] ?? ''
        break
      }
      case 1: {
        demand(u16(body, 0) === 1 && u16(body, 2) === 0, 'Ethernet, and the reserved field is 0')
        const options = optionsOf(body.subarray(8))
        demand(options.values(9)[0]?.[0] === 9 && options.values(9)[0]?.length === 1, 'nanoseconds')
        const [name = '', description = ''] = [options.texts(2)[0], options.texts(3)[0]]
        found.interfaces.push({ name, description, snap: u32(body, 4) })
        break
      }
      case 4:
        readNames(body, found.names)
        break
      case 6: {
        const id = u32(body, 0)
        demand(id < found.interfaces.length, `interface ${id} was described before`)
        const kept = u32(body, 12)
        const length = u32(body, 16)
        const snap = found.interfaces[id]?.snap ?? 0
        demand(kept <= length && (snap === 0 || kept <= snap), 'no more is kept than there was, or than is allowed')
        const end = 20 + kept + (-kept & 3)
        demand(
          body.subarray(20 + kept, end).every((byte) => byte === 0),
          'padding is zeros',
        )
        const options = optionsOf(body.subarray(end))
        const flags = options.values(2)[0]
        demand(flags?.length === 4, 'epb_flags has 4 bytes')
        const way = u32(flags ?? body, 0) & 3
        demand(way === 1 || way === 2, 'a direction')
        found.packets.push({
          interface: id,
          time: (BigInt(u32(body, 4)) << 32n) | BigInt(u32(body, 8)),
          direction: way === 1 ? 'in' : 'out',
          bytes: Uint8Array.from(body.subarray(20, 20 + kept)),
          length,
          comments: options.texts(1),
        })
        break
      }
      default:
        throw new Error(`pcapng: an unknown block of type ${type}`)
    }
    at += total
  }
  return found
}

function readNames(body: Uint8Array, names: Map<Address, string[]>): void {
  let at = 0
  for (;;) {
    const [code, length] = [u16(body, at), u16(body, at + 2)]
    const value = body.subarray(at + 4, at + 4 + length)
    at += 4 + length + (-length & 3)
    demand(at <= body.length, 'a name record ends within its block')
    if (code === 0) break
    const size = code === 1 ? 4 : code === 2 ? 16 : 0
    demand(size > 0 && length > size, 'an address of IPv4 or IPv6, and a name')
    const text = new TextDecoder('utf-8', { fatal: true }).decode(value.subarray(size))
    demand(text.endsWith('\0'), 'a name ends with a zero')
    names.set(addressFromBytes(value.subarray(0, size)), text.slice(0, -1).split('\0'))
  }
  demand(at === body.length, 'nothing follows the end of the names')
}

function optionsOf(bytes: Uint8Array): { values(code: number): Uint8Array[]; texts(code: number): string[] } {
  const found: { code: number; value: Uint8Array }[] = []
  let ended = bytes.length === 0
  for (let at = 0; at < bytes.length; ) {
    demand(!ended, 'nothing follows opt_endofopt')
    const [code, length] = [u16(bytes, at), u16(bytes, at + 2)]
    const value = bytes.subarray(at + 4, at + 4 + length)
    const end = at + 4 + length + (-length & 3)
    demand(end <= bytes.length, 'an option ends within its block')
    demand(
      bytes.subarray(at + 4 + length, end).every((byte) => byte === 0),
      'padding is zeros',
    )
    at = end
    ended = code === 0
    demand(!ended || length === 0, 'opt_endofopt is empty')
    if (!ended) found.push({ code, value })
  }
  demand(ended, 'options end with opt_endofopt')
  const values = (code: number): Uint8Array[] => found.flatMap((one) => (one.code === code ? [one.value] : []))
  return {
    values,
    texts: (code) => values(code).map((value) => new TextDecoder('utf-8', { fatal: true }).decode(value)),
  }
}

function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`pcapng: ${what}`)
}

function u16(bytes: Uint8Array, at: number): number {
  return viewOf(bytes).getUint16(at, true)
}

function u32(bytes: Uint8Array, at: number): number {
  return viewOf(bytes).getUint32(at, true)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
