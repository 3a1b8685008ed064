import { createHash } from 'node:crypto'
import { type Address, addressBytes, addressFromBytes, family } from '../base/address.ts'
import { type Mac, macBytes, macFromBytes } from '../kernel/rtnetlink/mac.ts'

export const bridgeName = 'cbr0'

/** `3` of `veth3`, or undefined. */
export function cableNumber(device: string): number | undefined {
  const digits = /^veth([1-9]\d{0,5})$/.exec(device)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

export function cableName(number: number): string {
  return `veth${number}`
}

/** Cables are numbered from 1; the lowest number that is free is used again. */
export function lowestFree(taken: ReadonlySet<number>): number {
  let number = 1
  while (taken.has(number)) number++
  return number
}

/**
 * 0a:58 and the IPv4 address (as kubenet had it). Because the Ethernet address follows from the IP address, a neighbour that
 * remembers an address's former owner still reaches the new one. Of an IPv6 address, the last four bytes, mixed with a digest of those
 * before them: two addresses of one range never meet, and fd00:1::2 is another than fd00:2::2 on the same bridge.
 */
export function macOf(address: Address): Mac {
  const bytes = addressBytes(address)
  const last = bytes.slice(-4)
  if (bytes.length === 16) {
    const salt = createHash('sha256').update(bytes.subarray(0, 12)).digest()
    for (const at of last.keys()) last[at] = (last[at] ?? 0) ^ (salt[at] ?? 0)
  }
  const mac = macFromBytes(Uint8Array.of(0x0a, 0x58, ...last))
  if (mac === undefined) throw new TypeError(`${address} gives no Ethernet address`)
  return mac
}

/** Of an interface with several addresses: the IPv4 one says it, wherever it stands, as it would alone. */
export function macOfAll(addresses: readonly Address[]): Mac {
  const one = addresses.find((address) => family(address) === 4) ?? addresses[0]
  if (one === undefined) throw new TypeError('no address gives no Ethernet address')
  return macOf(one)
}

/** The link-local address that follows from an Ethernet address (RFC 4291, appendix A). */
export function linkLocalOf(mac: Mac): Address {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = macBytes(mac)
  return addressFromBytes(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f))
}

/** As CNI has it (its specification, "CNI_CONTAINERID"); bounded, because it becomes part of the note. */
export function isSandboxId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(id)
}

/** What the kernel takes for a device's name (dev_valid_name). */
export function isDeviceName(name: string): boolean {
  return /^[^/:\s%]{1,15}$/.test(name) && name !== '.' && name !== '..'
}
