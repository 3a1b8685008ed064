import type { Verdict } from './data.ts'
import { nameIn } from './expr/codec.ts'
import { ctState } from './expr/ct.ts'
import { fibTypes } from './expr/fib.ts'
import { macFromBytes } from '../rtnetlink/mac.ts'
import { families } from './message.ts'
import { type Packed, unpack, unpackAddress, unpackBe16, unpackU32 } from './packed.ts'
import { type FieldType, fieldTypes } from './fields.ts'

// Values, as nft prints them.

/** What a register holds; beside the types of sets' fields those that only rules compare with. */
export type ValueType = FieldType | OtherType
type OtherType = 'ct state' | 'ct status' | 'ct direction' | 'fib type' | 'exists' | 'device' | 'nfproto' | 'number'

export function printValue(value: Packed, type?: ValueType): string {
  const known = type !== undefined && (isField(type) ? fieldPrinter(type, value.length) : others[type])
  return known ? known(value) : `0x${Buffer.from(unpack(value)).toString('hex')}`
}

/** A key or value of these fields: `100.64.0.1 . tcp . 80`. */
export function printFields(packed: Packed, fields: readonly FieldType[]): string {
  let at = 0
  return fields
    .map((field) => {
      const { length } = fieldTypes[field]
      const part = packed.slice(at, at + length) as Packed
      at += (length + 3) & ~3
      return fieldPrinters[field](part)
    })
    .join(' . ')
}

export function printVerdict(verdict: Verdict): string {
  return 'chain' in verdict ? `${verdict.verdict} ${verdict.chain}` : verdict.verdict
}

/** Milliseconds: `1d2h3m4s5ms`, without what is zero. */
export function printTime(time: bigint): string {
  let rest = time
  let text = ''
  for (const [unit, size] of [
    ['d', 86_400_000n],
    ['h', 3_600_000n],
    ['m', 60_000n],
    ['s', 1000n],
    ['ms', 1n],
  ] as const) {
    if (rest >= size) text += `${rest / size}${unit}`
    rest %= size
  }
  return text || '0s'
}

/** nft has no escapes in strings. */
export function quoted(text: string): string {
  return `"${harmless(text).replaceAll('"', "'")}"`
}

/** Text of unknown origin on one line of a terminal: what would move the cursor or turn the order of letters is shown as its number. */
export function harmless(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}

/** Sets of bits have words for them: `established,related`. */
export function printBits(value: Packed, type: 'ct state' | 'ct status'): string {
  const bits = unpackU32(value)
  const names = Object.entries(bitNames[type]).filter(([, bit]) => bits & bit)
  return names.map(([name]) => name).join(',')
}

export function isBits(type: ValueType | undefined): type is 'ct state' | 'ct status' {
  return type === 'ct state' || type === 'ct status'
}

const bitNames = {
  'ct state': ctState,
  // enum ip_conntrack_status
  'ct status': {
    expected: 1,
    'seen-reply': 2,
    assured: 4,
    confirmed: 8,
    snat: 16,
    dnat: 32,
    dying: 512,
  },
} as const

const fieldPrinters: { readonly [T in FieldType]: (part: Packed) => string } = {
  ether_addr: (part) => macFromBytes(unpack(part)) ?? '?',
  ifname: (part) => quoted(part.replace(/\0+$/, '')),
  integer: (part) => String(unpackU32(part)),
  ipv4_addr: unpackAddress,
  ipv6_addr: unpackAddress,
  inet_proto: (part) => protocolNames[part.charCodeAt(0)] ?? String(part.charCodeAt(0)),
  inet_service: (part) => String(unpackBe16(part)),
  mark: (part) => `0x${unpackU32(part).toString(16).padStart(8, '0')}`,
}

const protocolNames: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'ipv6-icmp',
  132: 'sctp',
}

const others: { readonly [T in OtherType]: (value: Packed) => string } = {
  'ct state': (value) => printBits(value, 'ct state'),
  'ct status': (value) => printBits(value, 'ct status'),
  'ct direction': (value) => (value.charCodeAt(0) === 0 ? 'original' : 'reply'),
  'fib type': (value) => nameIn(fibTypes, unpackU32(value)) ?? String(unpackU32(value)),
  exists: (value) => (value.charCodeAt(0) === 0 ? 'missing' : 'exists'),
  // A name that is not ended is the beginning of names.
  device: (value) => quoted(value.replace(/\0+$/, '') + (value.includes('\0') ? '' : '*')),
  nfproto: (value) => ({ [families.ip]: 'ipv4', [families.ip6]: 'ipv6' })[value.charCodeAt(0)] ?? 'unspec',
  /** In the machine's byte order, of whatever length. */
  number: (value) => String(unpackU32(value.padEnd(4, '\0') as Packed)),
}

function isField(type: ValueType): type is FieldType {
  return Object.hasOwn(fieldTypes, type)
}

function fieldPrinter(type: FieldType, length: number): ((part: Packed) => string) | undefined {
  return fieldTypes[type].length === length ? fieldPrinters[type] : undefined
}
