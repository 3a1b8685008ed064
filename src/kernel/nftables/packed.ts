import { type Address, addressBytes, addressFromBytes } from '../../base/address.ts'

declare const kind: unique symbol
/**
 * Bytes of a register, key or value, as a string of char codes 0 to 255. A set may hold half a million elements: such strings are
 * small, can be compared, and can be the keys of a Map.
 */
export type Packed = string & { readonly [kind]: 'Packed' }

export function pack(bytes: Uint8Array): Packed {
  // By hand, because a decoder would read bytes as windows-1252, and spreading them is slow.
  let text = ''
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i] as number)
  return text as Packed
}

export function unpack(packed: Packed): Uint8Array {
  const bytes = new Uint8Array(packed.length)
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i)
  return bytes
}

/** One after another; each part is padded to 4 bytes, the width of a register, as concatenations are. */
export function concat(...parts: readonly Packed[]): Packed {
  let all = ''
  for (const part of parts) all += padded(part)
  return all as Packed
}

export function padded(part: Packed): Packed {
  const over = part.length & 3
  return (over === 0 ? part : part + '\0\0\0'.slice(over - 1)) as Packed
}

export function packAddress(address: Address): Packed {
  return pack(addressBytes(address))
}

export function unpackAddress(packed: Packed): Address {
  return addressFromBytes(unpack(packed))
}

export function packU8(value: number): Packed {
  return String.fromCharCode(value & 0xff) as Packed
}

/** Network order, as ports stand in packets. */
export function packBe16(value: number): Packed {
  return String.fromCharCode((value >> 8) & 0xff, value & 0xff) as Packed
}

export function packBe32(value: number): Packed {
  return String.fromCharCode(value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff) as Packed
}

/** The machine's order (little-endian), as numgen, mark and conntrack's numbers stand in registers. */
export function packU32(value: number): Packed {
  return String.fromCharCode(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24) as Packed
}

export function unpackBe16(packed: Packed): number {
  return (packed.charCodeAt(0) << 8) | packed.charCodeAt(1)
}

export function unpackU32(packed: Packed): number {
  return (
    (packed.charCodeAt(0) |
      (packed.charCodeAt(1) << 8) |
      (packed.charCodeAt(2) << 16) |
      (packed.charCodeAt(3) << 24)) >>>
    0
  )
}
