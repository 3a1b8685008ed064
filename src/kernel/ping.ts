import { randomInt } from 'node:crypto'
import { closeSync } from 'node:fs'
import { type Address, addressFromBytes, family } from '../base/address.ts'
import { declareRaw, EAGAIN, EINTR, errnoName, errnoOf, KernelError } from './libc.ts'
import { inNetns, type Netns } from './netns.ts'
import { whenReadable } from './reactor.ts'
import { sockaddr } from './socket.ts'
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IP,
  MSG_DONTWAIT,
  recvfrom,
  setOption,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  socket,
} from './socket-calls.ts'

// RFC 792 (ICMP) and RFC 4443 (ICMPv6). A raw socket: the unprivileged kind depends on net.ipv4.ping_group_range.

const IP_MTU_DISCOVER = 10
const IP_PMTUDISC_PROBE = 3
const headerSize = 8
const ECONNREFUSED = errnoOf('ECONNREFUSED')

const sendto = declareRaw<[number, Uint8Array, number, number, Uint8Array, number]>(
  'long sendto(int, void *, unsigned long, int, void *, unsigned int)',
)

interface Kind {
  domain: number
  protocol: number
  request: number
  reply: number
  unreachable: number
  /** Bytes of sockaddr before the address, and of the address. */
  name: [number, number]
}
const kinds: Record<4 | 6, Kind> = {
  4: { domain: AF_INET, protocol: 1, request: 8, reply: 0, unreachable: 3, name: [4, 4] },
  6: { domain: AF_INET6, protocol: 58, request: 128, reply: 129, unreachable: 1, name: [8, 16] },
}

export type Echo =
  | { readonly answer: 'reply'; readonly ms: number }
  /** A machine on the way said that it goes no further; `code` as in the RFC (4: too big, fragmentation needed). */
  | { readonly answer: 'unreachable'; readonly from: Address; readonly code: number }
  /** This machine knows no way, or the packet is too big for its first link: errno's name. */
  | { readonly answer: 'not sent'; readonly code: string }
  | { readonly answer: 'none' }

export interface EchoOptions {
  ns?: Netns
  to: Address
  /** Bytes after the ICMP header. Default 56, as ping has it. */
  size?: number
  /** Finds out whether packets of this size fit: nobody on the way may cut them. IPv4 only (IPv6 never cuts on the way). */
  dontFragment?: boolean
  /** How long an answer may take. */
  timeoutMs: number
}

/** One echo request from inside a namespace: "are you there?" */
export async function echo({ ns, to, size = 56, dontFragment = false, timeoutMs }: EchoOptions): Promise<Echo> {
  const kind = kinds[family(to)]
  const op = `ping ${to}`
  const fd = inNetns(ns, () => socket(kind.domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, kind.protocol))
  if (fd < 0)
    throw new KernelError(op, -fd, fd === -errnoOf('EPERM') ? 'CAP_NET_RAW is missing: run as root' : undefined)
  let stop: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    if (dontFragment && family(to) === 4) setOption(op, fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    const id = randomInt(0x10000)
    const packet = request(kind, id, size)
    const name = sockaddr(to, 0)
    const sentAt = performance.now()
    const sent = sendto(fd, packet, packet.length, 0, name, name.length)
    if (sent < 0) return { answer: 'not sent', code: errnoName(-sent) }
    return await new Promise<Echo>((resolve, reject) => {
      timer = setTimeout(() => resolve({ answer: 'none' }), timeoutMs)
      stop = whenReadable(fd, () => {
        try {
          const found = read(fd, op, kind, id, sentAt)
          if (found) resolve(found)
        } catch (error) {
          reject(error)
        }
      })
    })
  } finally {
    clearTimeout(timer)
    stop?.()
    closeSync(fd)
  }
}

function request(kind: Kind, id: number, size: number): Uint8Array {
  const bytes = new Uint8Array(headerSize + size)
  const view = new DataView(bytes.buffer)
  bytes[0] = kind.request
  view.setUint16(4, id)
  view.setUint16(6, 1)
  // The kernel fills in ICMPv6's checksum, which covers addresses too.
  if (kind.protocol === 1) view.setUint16(2, checksum(bytes))
  return bytes
}

/** Looks for our answer among all ICMP that arrived; undefined when it is not there yet. */
function read(fd: number, op: string, kind: Kind, id: number, sentAt: number): Echo | undefined {
  const bytes = new Uint8Array(2048)
  const from = new Uint8Array(28)
  for (;;) {
    const length = recvfrom(fd, bytes, bytes.length, MSG_DONTWAIT, from, Uint8Array.of(from.length, 0, 0, 0))
    // An unreachable destination is also reported as an error of the socket; the message itself is what counts.
    if (length === -EINTR || length === -ECONNREFUSED || length === -errnoOf('EHOSTUNREACH')) continue
    if (length === -EAGAIN) return undefined
    if (length < 0) throw new KernelError(op, -length)
    const icmp = payload(kind, bytes.subarray(0, length))
    if (icmp === undefined) continue
    if (icmp[0] === kind.reply && idOf(icmp) === id) return { answer: 'reply', ms: performance.now() - sentAt }
    if (icmp[0] !== kind.unreachable && !(kind.protocol === 58 && icmp[0] === 2)) continue
    // It quotes the packet that it is about.
    const quoted = icmp.subarray(headerSize)
    const inner = kind.protocol === 1 ? payload(kind, quoted) : quoted.subarray(40)
    if (inner === undefined || inner.length < headerSize || inner[0] !== kind.request || idOf(inner) !== id) continue
    const [start, size] = kind.name
    return { answer: 'unreachable', from: addressFromBytes(from.slice(start, start + size)), code: icmp[1] ?? 0 }
  }
}

/** IPv4's raw sockets deliver the IP header too. */
function payload(kind: Kind, bytes: Uint8Array): Uint8Array | undefined {
  const start = kind.protocol === 1 ? ((bytes[0] ?? 0) & 15) * 4 : 0
  return bytes.length >= start + headerSize ? bytes.subarray(start) : undefined
}

function idOf(icmp: Uint8Array): number {
  return ((icmp[4] ?? 0) << 8) | (icmp[5] ?? 0)
}

/** RFC 1071: the complement of the sum of 16-bit words, carries added back. */
function checksum(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
