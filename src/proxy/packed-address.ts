import { type Family, parseAddress } from '../base/address.ts'
import { type Packed, packAddress } from '../kernel/nftables/packed.ts'

/** An address as elements hold it; undefined when the text is none of this family. Hundreds of thousands are read at once: IPv4 by hand. */
export function packedAddress(text: string, family: Family): Packed | undefined {
  if (family === 4) return packedIpv4(text)
  const address = text.includes(':') ? parseAddress(text) : undefined
  return address && packAddress(address)
}

function packedIpv4(text: string): Packed | undefined {
  const bytes = [0, 0, 0, 0]
  let [at, value, digits] = [0, 0, 0]
  for (let i = 0; i <= text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit >= 0 && digit <= 9) {
      // Leading zeros are refused, as Kubernetes does: they once meant octal numbers.
      if (digits > 0 && value === 0) return undefined
      value = value * 10 + digit
      if (++digits > 3 || value > 255) return undefined
    } else {
      if (digits === 0 || at > 3 || (i < text.length && digit !== -2)) return undefined
      bytes[at++] = value
      value = digits = 0
    }
  }
  return at === 4 ? (String.fromCharCode(...bytes) as Packed) : undefined
}

/** A machine can have it and others can send to it: not unspecified, loopback, link-local, multicast or reserved. */
export function isReachable(packed: Packed): boolean {
  const [first, second] = [packed.charCodeAt(0), packed.charCodeAt(1)]
  if (packed.length === 4) return first !== 0 && first !== 127 && first < 224 && !(first === 169 && second === 254)
  if (first === 0xff || (first === 0xfe && (second & 0xc0) === 0x80)) return false
  // ::, ::1, and IPv4 in IPv6's clothes (RFC 4291, 2.5.5).
  return /[^\0]/.test(packed.slice(0, 10))
}
