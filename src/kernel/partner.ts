import { closeSync } from 'node:fs'
import { type Address, family, hostPort } from '../base/address.ts'
import { declareRaw, EAGAIN, EINTR, errnoName, errnoOf, KernelError } from './libc.ts'
import { inNetns, type Netns } from './netns.ts'
import { whenReadable } from './reactor.ts'
import { sockaddr } from './socket.ts'
import {
  AF_INET,
  AF_INET6,
  bind,
  checked,
  connect,
  IPPROTO_IP,
  IPPROTO_IPV6,
  MSG_DONTWAIT,
  recvfrom,
  setOption,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  socket,
} from './socket-calls.ts'

// udp(7), raw(7), ip(7). Node's own datagram sockets cannot do this: with IP_RECVERR libuv (1.52) takes what the queue of errors quotes
// for a datagram, and Node ends with a failed assertion where that is longer than its buffer.
const IP_MTU_DISCOVER = 10
const IP_RECVERR = 11
const IPV6_MTU_DISCOVER = 23
const IPV6_RECVERR = 25
const PMTUDISC_PROBE = 3
const MSG_ERRQUEUE = 0x2000
const EPERM = errnoOf('EPERM')

const sendto = declareRaw<[number, Uint8Array, number, number, null, number]>(
  'long sendto(int, void *, unsigned long, int, void *, unsigned int)',
)

export interface PartnerOptions {
  ns?: Netns | undefined
  /** UDP datagrams; or, of a raw socket, what stands behind the IP header: IANA's number of the protocol (1 is ICMP). Needs CAP_NET_RAW. */
  kind: 'udp' | number
  /** A raw socket has no ports. */
  from: { address: Address; port: number }
  to: { address: Address; port: number }
  /** Nobody on the way may cut a packet, and what the kernel learned about the way's MTU is not believed. */
  dontFragment?: boolean
}

/** A packet from the partner, or that somebody (a router's ICMP message) says that one did not arrive. */
export type Heard =
  /** A datagram; or, of a raw socket, what stands behind the IP header. */
  | { readonly kind: 'packet'; readonly bytes: Uint8Array }
  /** errno's name; `about`: what was sent, as far as the message quotes it (a raw socket: behind the IP header). */
  | { readonly kind: 'error'; readonly code: string; readonly about: Uint8Array }

export interface Partner extends Disposable {
  /** undefined when it left; else errno's name: ENETUNREACH, EMSGSIZE, EPERM (a rule), ... */
  send(packet: Uint8Array): string | undefined
  /** Calls back with what is heard, until the socket is closed. */
  follow(hear: (heard: Heard) => void): void
  /** Idempotent. */
  close(): void
}

/** A socket inside a namespace that talks to one partner, and hears every ICMP error about what it sends. EADDRINUSE when the port is taken. */
export function openPartner({ ns, kind, from, to, dontFragment = false }: PartnerOptions): Partner {
  const op = `send ${kind === 'udp' ? 'UDP' : `protocol ${kind}`} to ${to.address}`
  const four = family(to.address) === 4
  const [type, protocol] = kind === 'udp' ? [SOCK_DGRAM, 0] : [SOCK_RAW, kind]
  const fd = inNetns(ns, () => socket(four ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol))
  if (fd < 0) throw new KernelError(op, -fd, fd === -EPERM ? 'CAP_NET_RAW is missing: run as root' : undefined)
  try {
    const [own, partner] = [sockaddr(from.address, from.port), sockaddr(to.address, to.port)]
    checked(`bind ${hostPort(from.address, from.port)}`, bind(fd, own, own.length))
    const level = four ? IPPROTO_IP : IPPROTO_IPV6
    setOption(op, fd, level, four ? IP_RECVERR : IPV6_RECVERR, 1)
    if (dontFragment) setOption(op, fd, level, four ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
    const unreachable = connect(fd, partner, partner.length)
    // IPv4's raw sockets deliver the IP header too.
    const read = four && kind !== 'udp' ? behindIp : whole
    return over(fd, op, read, unreachable < 0 ? errnoName(-unreachable) : undefined)
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function behindIp(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(((bytes[0] ?? 0) & 15) * 4)
}

function whole(bytes: Uint8Array): Uint8Array {
  return bytes
}

type Part = (bytes: Uint8Array) => Uint8Array

/** `unreachable`: there is no way to the partner. */
function over(fd: number, op: string, part: Part, unreachable: string | undefined): Partner {
  let stop: (() => void) | undefined
  let closed = false
  const close = (): void => {
    if (closed) return
    closed = true
    stop?.()
    closeSync(fd)
  }
  return {
    send(packet) {
      if (unreachable !== undefined) return unreachable
      const sent = sendto(fd, packet, packet.length, 0, null, 0)
      return sent < 0 ? errnoName(-sent) : undefined
    },
    follow(hear) {
      stop = whenReadable(fd, () => {
        // Who hears may close: a closed descriptor's number may be another's by now.
        for (let heard = receive(fd, op, part); heard; heard = closed ? undefined : receive(fd, op, part)) hear(heard)
      })
    },
    close,
    [Symbol.dispose]: close,
  }
}

function receive(fd: number, op: string, part: Part): Heard | undefined {
  const bytes = new Uint8Array(65_536)
  const read = (flags: number): number =>
    recvfrom(fd, bytes, bytes.length, MSG_DONTWAIT | flags, new Uint8Array(28), Uint8Array.of(28, 0, 0, 0))
  for (;;) {
    const length = read(0)
    if (length === -EINTR) continue
    if (length === -EAGAIN) return undefined
    if (length < 0) {
      // The error is reported once; what it is about waits in a queue of its own.
      const quoted = read(MSG_ERRQUEUE)
      if (quoted < 0 && quoted !== -EAGAIN && quoted !== -EINTR) throw new KernelError(op, -length)
      return { kind: 'error', code: errnoName(-length), about: bytes.slice(0, Math.max(0, quoted)) }
    }
    return { kind: 'packet', bytes: part(bytes.slice(0, length)) }
  }
}
