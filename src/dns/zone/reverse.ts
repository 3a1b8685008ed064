import { type Address, addressFromBytes, type Cidr, contains } from '../../base/address.ts'

/** How names of addresses end, and how those of IPv4 do, in the form of `Query.name`. */
export const arpa = '\x04arpa\0'
export const inAddrArpa: string = `\x07in-addr${arpa}`

/** A name under in-addr.arpa or ip6.arpa. */
export interface ReverseName {
  /** Whole when the name has all 4 or 32 labels; otherwise padded with zeros. */
  address: Address
  /** Bits that the name's labels give. */
  bits: number
  /** Bits of one label: 8 or 4. */
  step: 8 | 4
}

/** undefined: not a name below in-addr.arpa or ip6.arpa, or one with labels that no address has. */
export function readReverse(labels: readonly string[]): ReverseName | undefined {
  if (labels.at(-1) !== 'arpa') return undefined
  const step = labels.at(-2) === 'in-addr' ? 8 : labels.at(-2) === 'ip6' ? 4 : undefined
  if (step === undefined) return undefined
  const digits = labels.slice(0, -2).reverse()
  const shape = step === 8 ? /^(0|[1-9]\d{0,2})$/ : /^[0-9a-f]$/
  const values = digits.map((text) => (shape.test(text) ? Number.parseInt(text, step === 8 ? 10 : 16) : 256))
  const bytes = new Uint8Array(step === 8 ? 4 : 16)
  if (values.some((value) => value > 255) || values.length * step > bytes.length * 8) return undefined
  for (const [at, value] of values.entries()) {
    if (step === 8) bytes[at] = value
    else bytes[at >> 1] = (bytes[at >> 1] ?? 0) | (at % 2 === 0 ? value << 4 : value)
  }
  return { address: addressFromBytes(bytes), bits: values.length * step, step }
}

/**
 * Reverse zones are cut at whole labels: 100.96.0.0/11 is the 32 zones 96.100.in-addr.arpa to 127.100.in-addr.arpa. The
 * number of labels of the zone that holds the name, in-addr.arpa included, or undefined when none of `ranges` does.
 */
export function reverseZone(name: ReverseName, ranges: readonly Cidr[]): number | undefined {
  for (const range of ranges) {
    const bits = Math.ceil(range.prefix / name.step) * name.step
    if ((range.family === 4) === (name.step === 8) && name.bits >= bits && contains(range, name.address))
      return bits / name.step + 2
  }
  return undefined
}
