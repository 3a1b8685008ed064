import { closeSync } from 'node:fs'
import { declareRaw, KernelError } from '../../src/kernel/libc.ts'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import { type Mac, macBytes } from '../../src/kernel/rtnetlink/mac.ts'

// packet(7)
const AF_PACKET = 17
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const ETH_P_IP = 0x0800

const socket = declareRaw<[number, number, number]>('int socket(int, int, int)')
const sendto = declareRaw<[number, Uint8Array, number, number, Uint8Array, number]>(
  'long sendto(int, void *, unsigned long, int, void *, unsigned int)',
)
const nameToIndex = declareRaw<[string]>('unsigned int if_nametoindex(const char *)')

/** Sends an IPv4 packet in an Ethernet frame of whatever sender, as only who may open packet sockets can. */
export function sendFrame(ns: Netns, device: string, frame: { from: Mac; to: Mac; packet: Uint8Array }): void {
  const bytes = Uint8Array.of(
    ...macBytes(frame.to),
    ...macBytes(frame.from),
    ETH_P_IP >> 8,
    ETH_P_IP & 0xff,
    ...finished(frame.packet),
  )
  inNetns(ns, () => {
    const fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)
    if (fd < 0) throw new KernelError('open a packet socket', -fd)
    try {
      const to = new Uint8Array(20) // struct sockaddr_ll
      const view = new DataView(to.buffer)
      view.setUint16(0, AF_PACKET, true)
      view.setUint16(2, ETH_P_IP)
      view.setInt32(4, nameToIndex(device), true)
      to[11] = 6
      to.set(macBytes(frame.to), 12)
      const sent = sendto(fd, bytes, bytes.length, 0, to, to.length)
      if (sent < 0) throw new KernelError(`send a frame by ${device}`, -sent)
    } finally {
      closeSync(fd)
    }
  })
}

/** What the kernel fills in for raw sockets: total length and checksum (RFC 791, 3.1). */
function finished(packet: Uint8Array): Uint8Array {
  const copy = packet.slice()
  const view = new DataView(copy.buffer)
  view.setUint16(2, copy.length)
  view.setUint16(10, 0)
  let sum = 0
  for (let at = 0; at < 20; at += 2) sum += view.getUint16(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  view.setUint16(10, ~sum & 0xffff)
  return copy
}
