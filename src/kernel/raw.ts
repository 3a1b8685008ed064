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
  SOCK_NONBLOCK,
  SOCK_RAW,
  socket,
} from './socket-calls.ts'

// raw(7), ip(7): a raw socket sends what stands behind the IP header, and gets all of its protocol that its partner sends.
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

export interface RawOptions {
  ns?: Netns | undefined
  /** IANA's number: 1 is ICMP. */
  protocol: number
  from: Address
  to: Address
  /** Nobody on the way may cut the packet, and what the kernel learned about the way's MTU is not believed. */
  dontFragment?: boolean
}

/** What a raw socket heard: a packet from its partner, or that somebody (a router's ICMP message) says that one did not arrive. */
export type Heard =
  /** Behind the IP header. */
  | { readonly kind: 'packet'; readonly bytes: Uint8Array }
  /** errno's name, as a program would get it; `about`: what was sent, as far as the message quotes it. */
  | { readonly kind: 'error'; readonly code: string; readonly about: Uint8Array }

export interface RawSocket extends Disposable {
  /** undefined when it left; else errno's name: ENETUNREACH, EMSGSIZE, EPERM (a rule), ... */
  send(packet: Uint8Array): string | undefined
  /** Calls back with what is heard, until the socket is closed. */
  follow(hear: (heard: Heard) => void): void
  /** Idempotent. */
  close(): void
}

/** A raw socket inside a namespace that talks to one partner. Needs CAP_NET_RAW. */
export function openRaw({ ns, protocol, from, to, dontFragment = false }: RawOptions): RawSocket {
  const op = `send protocol ${protocol} to ${to}`
  const four = family(to) === 4
  const fd = inNetns(ns, () => socket(four ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol))
  if (fd < 0) throw new KernelError(op, -fd, fd === -EPERM ? 'CAP_NET_RAW is missing: run as root' : undefined)
  try {
    const [own, partner] = [sockaddr(from, 0), sockaddr(to, 0)]
    checked(`bind ${hostPort(from, 0)}`, bind(fd, own, own.length))
    const level = four ? IPPROTO_IP : IPPROTO_IPV6
    setOption(op, fd, level, four ? IP_RECVERR : IPV6_RECVERR, 1)
    if (dontFragment) setOption(op, fd, level, four ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
    const unreachable = connect(fd, partner, partner.length)
    return over(fd, op, four, unreachable < 0 ? errnoName(-unreachable) : undefined)
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** `unreachable`: there is no way to the partner. */
function over(fd: number, op: string, four: boolean, unreachable: string | undefined): RawSocket {
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
        for (let heard = receive(fd, op, four); heard; heard = closed ? undefined : receive(fd, op, four)) hear(heard)
      })
    },
    close,
    [Symbol.dispose]: close,
  }
}

function receive(fd: number, op: string, four: boolean): Heard | undefined {
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
    // IPv4's raw sockets deliver the IP header too.
    const start = four ? ((bytes[0] ?? 0) & 15) * 4 : 0
    if (length >= start) return { kind: 'packet', bytes: bytes.slice(start, length) }
  }
}
