// An IP address or range that has been parsed once and can only be valid.
// Kept as canonical text (RFC 5952 for IPv6), because Kubernetes objects, JSON and people all speak text.

declare const kind: unique symbol
/** A canonical IP address: `100.96.1.2`, `fd00::1`. Made only by {@link parseAddress} and {@link addressFromBytes}. */
export type Address = string & { readonly [kind]: 'Address' }
export type Family = 4 | 6

/** An address range. `address` is the network address: its host bits are zero. */
export interface Cidr {
  readonly family: Family
  readonly address: Address
  /** Bits of the network part: 0 to 32, or 0 to 128. */
  readonly prefix: number
}

/** The address in canonical form, or undefined when the text is none. Leading zeros are refused, as Kubernetes does. */
export function parseAddress(text: string): Address | undefined {
  const bytes = text.includes(':') ? bytesOfIpv6(text) : bytesOfIpv4(text)
  return bytes && addressFromBytes(bytes)
}

/** {@link parseAddress} for text that is known to be an address; throws a TypeError otherwise. */
export function address(text: string): Address {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw new TypeError(`"${text}" is not an IP address`)
  return parsed
}

export function family(of: Address): Family {
  return of.includes(':') ? 6 : 4
}

/** Network byte order: 4 or 16 bytes. */
export function addressBytes(of: Address): Uint8Array {
  const bytes = family(of) === 4 ? bytesOfIpv4(of) : bytesOfIpv6(of)
  if (!bytes) throw new TypeError(`"${of}" is not an IP address`)
  return bytes
}

/** From 4 or 16 bytes in network order. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Address
  if (bytes.length === 16) return textOfIpv6(bytes) as Address
  throw new RangeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`)
}

/** A range whose host bits are zero, or undefined. `100.96.1.0/24` is one, `100.96.1.5/24` is not. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const base = slash < 0 ? undefined : parseAddress(text.slice(0, slash))
  const digits = text.slice(slash + 1)
  if (base === undefined || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined
  const prefix = Number(digits)
  const of = family(base)
  if (prefix > (of === 4 ? 32 : 128)) return undefined
  const range: Cidr = { family: of, address: base, prefix }
  return networkOf(base, prefix) === base ? range : undefined
}

/** {@link parseCidr} for text that is known to be a range; throws a TypeError otherwise. */
export function cidr(text: string): Cidr {
  const parsed = parseCidr(text)
  if (!parsed) throw new TypeError(`"${text}" is not an address range`)
  return parsed
}

/** The range of this length that an address is in. */
export function rangeAround(member: Address, prefix: number): Cidr {
  return { family: family(member), address: networkOf(member, prefix), prefix }
}

export function formatCidr(range: Cidr): string {
  return `${range.address}/${range.prefix}`
}

/** As it stands in URLs and logs: `10.0.0.1:53`, `[fd00::1]:53` (RFC 3986 section 3.2.2). */
export function hostPort(of: Address, port: number): string {
  return family(of) === 4 ? `${of}:${port}` : `[${of}]:${port}`
}

export function contains(range: Cidr, member: Address): boolean {
  if (family(member) !== range.family) return false
  if (range.family === 6) return samePrefix(addressBytes(member), addressBytes(range.address), range.prefix)
  // Shifts count modulo 32: a prefix of 0 needs saying.
  return range.prefix === 0 || (bits32(member) ^ bits32(range.address)) >>> (32 - range.prefix) === 0
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.prefix <= b.prefix ? contains(a, b.address) : contains(b, a.address)
}

/** How many addresses the range holds. */
export function size(range: Cidr): bigint {
  return 1n << BigInt((range.family === 4 ? 32 : 128) - range.prefix)
}

/** The address `index` places after the range's first; throws a RangeError outside the range. */
export function nth(range: Cidr, index: number | bigint): Address {
  const at = BigInt(index)
  if (at < 0n || at >= size(range)) throw new RangeError(`${formatCidr(range)} has no address number ${at}`)
  return fromNumber(toNumber(range.address) + at, range.family)
}

/** The place of an address in its range, the inverse of {@link nth}. */
export function indexIn(range: Cidr, member: Address): bigint {
  return toNumber(member) - toNumber(range.address)
}

/** Are the first `prefix` bits the same? */
function samePrefix(a: Uint8Array, b: Uint8Array, prefix: number): boolean {
  const whole = prefix >> 3
  for (let at = 0; at < whole; at++) if (a[at] !== b[at]) return false
  const rest = prefix & 7
  return rest === 0 || ((a[whole] ?? 0) ^ (b[whole] ?? 0)) >> (8 - rest) === 0
}

function bits32(of: Address): number {
  const [a = 0, b = 0, c = 0, d = 0] = addressBytes(of)
  return (a << 24) | (b << 16) | (c << 8) | d
}

function networkOf(of: Address, prefix: number): Address {
  const bits = family(of) === 4 ? 32 : 128
  const host = BigInt(bits - prefix)
  return fromNumber((toNumber(of) >> host) << host, family(of))
}

function toNumber(of: Address): bigint {
  let value = 0n
  for (const byte of addressBytes(of)) value = (value << 8n) | BigInt(byte)
  return value
}

function fromNumber(value: bigint, of: Family): Address {
  const bytes = new Uint8Array(of === 4 ? 4 : 16)
  for (let i = bytes.length - 1, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn)
  return addressFromBytes(bytes)
}

/** By hand, because agents parse every endpoint of a cluster. */
function bytesOfIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4)
  let part = 0
  let digits = 0
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === dot) {
      if (digits === 0 || part === 3) return undefined
      bytes[part++] = value
      digits = value = 0
      continue
    }
    const digit = code - zero
    const leadingZero = digits > 0 && value === 0
    if (digit < 0 || digit > 9 || leadingZero) return undefined
    value = value * 10 + digit
    digits++
    if (value > 255) return undefined
  }
  if (part !== 3 || digits === 0) return undefined
  bytes[3] = value
  return bytes
}

const dot = 0x2e
const zero = 0x30

function bytesOfIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groupsOf(halves[0] ?? '', halves.length === 1)
  const tail = groupsOf(halves[1] ?? '', true)
  if (!head || !tail) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail]
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))
}

/** 16-bit groups of one side of `::`; the last two may be written as an IPv4 address when nothing follows. */
function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [at, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16))
    else {
      const v4 = last && at === parts.length - 1 ? bytesOfIpv4(part) : undefined
      if (!v4) return undefined
      groups.push(((v4[0] ?? 0) << 8) | (v4[1] ?? 0), ((v4[2] ?? 0) << 8) | (v4[3] ?? 0))
    }
  }
  return groups
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function textOfIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0))
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (groups[end] === 0) end++
    if (end - i > length) [start, length] = [i, end - i]
    i = Math.max(i, end)
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':')
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}
