import { closeSync } from 'node:fs'
import { type Address } from '../../src/base/address.ts'
import { declareRaw, EAGAIN, EINTR, errnoOf, KernelError } from '../../src/kernel/libc.ts'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import { sockaddr } from '../../src/kernel/socket.ts'

// raw(7)
const AF_INET = 2
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_RCVBUF = 8
const MSG_DONTWAIT = 0x40
const IPPROTO_RAW = 255
const EPERM = errnoOf('EPERM')

const socket = declareRaw<[number, number, number]>('int socket(int, int, int)')
const setsockopt = declareRaw<[number, number, number, Uint8Array, number]>(
  'int setsockopt(int, int, int, void *, unsigned int)',
)
const sendto = declareRaw<[number, Uint8Array, number, number, Uint8Array, number]>(
  'long sendto(int, void *, unsigned long, int, void *, unsigned int)',
)
const recv = declareRaw<[number, Uint8Array, number, number]>('long recv(int, _Out_ void *, unsigned long, int)')

export interface RawSocket {
  readonly fd: number
  /** Everything that was delivered to the namespace since the last call, with its IP header; never waits. */
  read(): Uint8Array[]
  close(): void
}

/** Sees what is delivered to the namespace itself: not what it forwards, and nothing that its rules stop. */
export function listenRaw(ns: Netns, protocol: number): RawSocket {
  const fd = open(ns, protocol)
  // As much as is allowed: net.core.rmem_max.
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, Uint8Array.of(0, 0, 0x40, 0), 4)
  const room = new Uint8Array(256)
  return {
    fd,
    read() {
      const packets: Uint8Array[] = []
      for (;;) {
        const length = recv(fd, room, room.length, MSG_DONTWAIT)
        if (length === -EINTR) continue
        if (length === -EAGAIN) return packets
        if (length < 0) throw new KernelError('read raw packets', -length)
        packets.push(room.slice(0, length))
      }
    },
    close: () => closeSync(fd),
  }
}

export interface RawSender {
  /** Sends a packet with an IP header of its own; false when rules stopped it on its way out. */
  send(packet: Uint8Array, to: Address): boolean
  close(): void
}

export function sendRaw(ns: Netns): RawSender {
  const fd = open(ns, IPPROTO_RAW)
  return {
    send(packet, to) {
      const name = sockaddr(to, 0)
      const sent = sendto(fd, packet, packet.length, 0, name, name.length)
      if (sent < 0 && sent !== -EPERM) throw new KernelError(`send a raw packet to ${to}`, -sent)
      return sent >= 0
    },
    close: () => closeSync(fd),
  }
}

function open(ns: Netns, protocol: number): number {
  const fd = inNetns(ns, () => socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol))
  if (fd < 0) throw new KernelError('open a raw socket', -fd)
  return fd
}
