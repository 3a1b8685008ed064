/** ASN.1 DER (ITU-T X.690), only what certificates need, only for writing. Every function gives one whole element. */

const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

export function sequence(...items: Uint8Array[]): Uint8Array {
  return element(tag.sequence, Buffer.concat(items))
}

export function setOf(...items: Uint8Array[]): Uint8Array {
  return element(tag.set, Buffer.concat(items))
}

export function boolean(value: boolean): Uint8Array {
  return element(tag.boolean, Uint8Array.of(value ? 0xff : 0))
}

/** A number, or the big-endian bytes of a positive one. */
export function integer(value: number | Uint8Array): Uint8Array {
  let bytes =
    typeof value === 'number'
      ? Buffer.from(
          value
            .toString(16)
            .padStart(2, '0')
            .replace(/^(.(..)*)$/, '0$1'),
          'hex',
        )
      : Buffer.from(value)
  while (bytes.length > 1 && bytes[0] === 0 && (bytes[1] ?? 0) < 0x80) bytes = bytes.subarray(1)
  // The first bit is the sign.
  return element(tag.integer, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Uint8Array.of(0), bytes]) : bytes)
}

/** Whole bytes, or the named bits of a flag list, the first of them at bit 0. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return element(tag.bitString, Buffer.concat([Uint8Array.of(unusedBits), bytes]))
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return element(tag.octetString, bytes)
}

/** `1.2.840.10045.4.3.2` */
export function oid(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  return element(tag.oid, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)))
}

export function utf8String(text: string): Uint8Array {
  return element(tag.utf8String, Buffer.from(text))
}

/** RFC 5280, 4.1.2.5: UTCTime until 2049, GeneralizedTime after. */
export function time(at: Date): Uint8Array {
  const digits = at.toISOString().replace(/[-:T]|\.\d+/g, '')
  return at.getUTCFullYear() < 2050
    ? element(tag.utcTime, Buffer.from(digits.slice(2)))
    : element(tag.generalizedTime, Buffer.from(digits))
}

/** A context-specific element: `explicit` wraps whole elements, otherwise the content stands in for an implicit type. */
export function context(number: number, content: Uint8Array, explicit = true): Uint8Array {
  return element((explicit ? 0xa0 : 0x80) | number, content)
}

function element(identifier: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(identifier), length(content.length), content])
}

function length(value: number): Uint8Array {
  if (value < 0x80) return Uint8Array.of(value)
  const bytes: number[] = []
  for (let rest = value; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff)
  return Uint8Array.of(0x80 | bytes.length, ...bytes)
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest & 0x7f) | 0x80)
  return bytes
}
