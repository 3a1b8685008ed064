import { refuse, shown } from '../refuse.ts'

/** One block of 512 bytes, as pax(1) has it under "ustar Interchange Format". */
export interface Header {
  /** Bytes: where an extension has the whole name, this one may be cut in the middle of a character. */
  path: Buffer
  type: string
  size: number
  mode: number
  uid: number
  gid: number
  /** Seconds since 1970. */
  mtime: number
  link: Buffer
}

export const blockSize = 512

// name 0, mode 100, uid 108, gid 116, size 124, mtime 136, chksum 148, typeflag 156, linkname 157, magic 257, prefix 345
export function parseHeader(block: Buffer): Header {
  const path = field(block, 0, 100)
  const name = path.toString('latin1')
  if (checksum(block) !== number(block, 148, 8, name))
    throw refuse(
      'BadTar',
      `the header of ${shown(name)} has a wrong checksum: this is no tar archive, or a damaged one`,
    )
  // Only POSIX has the prefix; GNU's own format ("ustar  ") keeps times there.
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? field(block, 345, 155) : empty
  return {
    path: prefix.length === 0 ? path : Buffer.concat([prefix, Buffer.from('/'), path]),
    type: String.fromCharCode(block[156] ?? 0),
    size: number(block, 124, 12, name),
    mode: number(block, 100, 8, name) & 0o7777,
    uid: number(block, 108, 8, name),
    gid: number(block, 116, 8, name),
    mtime: number(block, 136, 12, name),
    link: field(block, 157, 100),
  }
}

export const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0)

/** UTF-8, or refused: another name would come out as one that nobody gave. */
export function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes)
  } catch (error) {
    throw refuse(
      'BadName',
      `the name ${shown(bytes.toString('latin1'))} is not UTF-8: rename the file in the image`,
      error,
    )
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const empty = Buffer.alloc(0)

function field(block: Buffer, from: number, length: number): Buffer {
  const bytes = block.subarray(from, from + length)
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

/** Octal digits, or since GNU tar a big-endian number whose first bit is set. */
function number(block: Buffer, from: number, length: number, name: string): number {
  const bytes = block.subarray(from, from + length)
  const value = ((bytes[0] ?? 0) & 0x80) !== 0 ? base256(bytes) : octal(bytes)
  if (value === undefined || !Number.isSafeInteger(value))
    throw refuse(
      'BadTar',
      `the header of ${shown(name)} has a number that is none: this is no tar archive, or a damaged one`,
    )
  return value
}

function octal(field: Buffer): number | undefined {
  const digits = field
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .trimStart()
  if (digits === '') return 0
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

/** Two's complement; below zero are only times before 1970. */
function base256(field: Buffer): number {
  const negative = field[0] === 0xff
  let value = BigInt((field[0] ?? 0) & (negative ? 0xff : 0x7f))
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte)
  return Number(negative ? BigInt.asIntN(field.length * 8, value) : value)
}

/** The sum of all bytes, with spaces for the checksum's own. */
function checksum(block: Buffer): number {
  let sum = 8 * 32
  for (const [index, byte] of block.entries()) if (index < 148 || index >= 156) sum += byte
  return sum
}
