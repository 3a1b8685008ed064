import { type Address, addressBytes } from '../base/address.ts'
import { type Mac, macFromBytes } from '../kernel/rtnetlink/mac.ts'

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
 * remembers an address's former owner still reaches the new one.
 */
export function macOf(address: Address): Mac {
  const bytes = addressBytes(address)
  const mac = macFromBytes(Uint8Array.of(0x0a, 0x58, ...bytes.slice(-4)))
  if (mac === undefined) throw new TypeError(`${address} gives no Ethernet address`)
  return mac
}

/** As CNI has it (its specification, "CNI_CONTAINERID"); bounded, because it becomes part of the note. */
export function isSandboxId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(id)
}

/** What the kernel takes for a device's name (dev_valid_name). */
export function isDeviceName(name: string): boolean {
  return /^[^/:\s%]{1,15}$/.test(name) && name !== '.' && name !== '..'
}
