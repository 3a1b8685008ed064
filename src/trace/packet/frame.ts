import { type Address, addressFromBytes } from '../../base/address.ts'
import { type Ip, readIp } from './ip.ts'

// Ethernet II: destination, source, type. ARP for IPv4 over Ethernet: RFC 826.
const ethernet = { destination: 0, source: 6, type: 12, size: 14 } as const
const arp = {
  hardware: 0,
  protocol: 2,
  sizes: 4,
  operation: 6,
  senderMac: 8,
  sender: 14,
  targetMac: 18,
  target: 24,
  size: 28,
} as const
export const IPV4 = 0x0800
export const ARP = 0x0806
export const IPV6 = 0x86dd

export interface Arp {
  readonly operation: 'question' | 'answer'
  readonly senderMac: string
  readonly sender: Address
  readonly targetMac: string
  readonly target: Address
}

/** One Ethernet frame, as a packet socket hands it out. */
export interface Frame {
  readonly source: string
  readonly destination: string
  readonly arp?: Arp
  readonly ip?: Ip
}

/** undefined when the bytes are too short for an Ethernet header; what is neither ARP nor IP has neither. */
export function readFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < ethernet.size) return undefined
  const ends = { destination: mac(bytes, ethernet.destination), source: mac(bytes, ethernet.source) }
  const type = u16(bytes, ethernet.type)
  const payload = bytes.subarray(ethernet.size)
  if (type === ARP) {
    const message = readArp(payload)
    return message ? { ...ends, arp: message } : ends
  }
  const ip = type === IPV4 || type === IPV6 ? readIp(payload) : undefined
  return ip ? { ...ends, ip } : ends
}

function readArp(bytes: Uint8Array): Arp | undefined {
  if (bytes.length < arp.size) return undefined
  const operation = u16(bytes, arp.operation)
  const forIpv4 =
    u16(bytes, arp.hardware) === 1 && u16(bytes, arp.protocol) === IPV4 && u16(bytes, arp.sizes) === 0x0604
  if (!forIpv4 || (operation !== 1 && operation !== 2)) return undefined
  return {
    operation: operation === 1 ? 'question' : 'answer',
    senderMac: mac(bytes, arp.senderMac),
    sender: addressFromBytes(bytes.subarray(arp.sender, arp.sender + 4)),
    targetMac: mac(bytes, arp.targetMac),
    target: addressFromBytes(bytes.subarray(arp.target, arp.target + 4)),
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function mac(bytes: Uint8Array, at: number): string {
  return Array.from(bytes.subarray(at, at + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':')
}
