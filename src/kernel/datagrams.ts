import { closeSync } from 'node:fs'
import { type Address, type Family, family } from '../base/address.ts'
import { Arena, type Peer, slotData, slots } from './datagram-arena.ts'
import { declareRaw, EAGAIN, EINTR, errnoOf, KernelError } from './libc.ts'
import type { Netns } from './netns.ts'
import { whenReadable } from './reactor.ts'
import { bindUdp, localAddress, sockaddr } from './socket.ts'
import {
  connect,
  IPPROTO_IP,
  IPPROTO_IPV6,
  MSG_DONTWAIT,
  MSG_TRUNC,
  recvmmsg,
  setBuffer,
  setOption,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
} from './socket-calls.ts'

// A datagram at a time, Node's own sockets spend most of a small server's time: an event, two system calls and half a dozen objects each. Here one
// system call takes all that wait, and another sends all answers.

const IP_PKTINFO = 8
const IPV6_RECVPKTINFO = 49
const bufferSize = 4 << 20
const ENOMEM = errnoOf('ENOMEM')
const ENOBUFS = errnoOf('ENOBUFS')
const told = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EMSGSIZE', 'EPROTO'].map(errnoOf))

const sendmmsg = declareRaw<[number, Uint8Array, number, number]>('int sendmmsg(int, void *, unsigned int, int)')

export type { Peer } from './datagram-arena.ts'

/** Datagrams come cut to this. */
export const longestDatagram: number = slotData

export interface DatagramSocket extends Disposable {
  readonly port: number
  /** A late answer. False: it could not be sent, because the peer cannot be reached or the socket is full or closed. */
  send(bytes: Uint8Array, to: Peer): boolean
  /**
   * Takes nothing new: who sends from now on is told by the kernel that nobody listens. What has come already is still received and answered, while a
   * socket that is closed drops it without a word.
   */
  refuse(): void
  /** Idempotent. */
  close(): void
}

export interface DatagramOptions {
  readonly ns?: Netns | undefined
  /** Or a bound descriptor, which is taken over. */
  readonly at:
    | { readonly address: Address; readonly port: number; readonly reusePort?: boolean }
    | { readonly fd: number }
  /**
   * Takes one datagram that can be answered: from a port, and sent to us alone. `bytes` are overwritten once this has returned; what it returns is sent
   * back with the answers of others, from the address that the datagram was sent to.
   */
  readonly onDatagram: (bytes: Buffer, peer: Peer) => Uint8Array | undefined
}

/** So many full batches, then the rest of the process has its turn. */
const batchesAtOnce = 8

/** Receives and answers UDP, many datagrams with one system call. Throws a KernelError when the address cannot be had. */
export function openDatagrams({ ns, at, onDatagram }: DatagramOptions): DatagramSocket {
  const fd = 'fd' in at ? at.fd : bindUdp(ns, at.address, at.port, { reusePort: at.reusePort ?? false })
  const local = localAddress(fd)
  const many = /^[0.:]+$/.test(local.address)
  if (many) tellLocalAddress(fd, family(local.address))
  setBuffer('set a socket buffer', fd, SO_RCVBUFFORCE, SO_RCVBUF, bufferSize)
  const arena = new Arena(family(local.address), many)
  /** For late answers, and long ones: the other's slots may be in use. */
  let late: Arena | undefined
  let closed = false
  const stop = whenReadable(fd, () => {
    for (let batch = 0; batch < batchesAtOnce; batch++) if (!serveBatch()) return
  })
  const close = (): void => {
    if (closed) return
    closed = true
    stop()
    closeSync(fd)
  }
  return {
    port: local.port,
    send,
    refuse() {
      // A connected socket is only its peer's, and nobody else has this one's own address. A datagram may still be sent to anybody.
      const own = local.address === '0.0.0.0' ? '127.0.0.1' : local.address === '::' ? '::1' : local.address
      const name = sockaddr(own as Address, local.port)
      // Where not even loopback is up, nobody can send anything.
      if (!closed) connect(fd, name, name.length)
    },
    close,
    [Symbol.dispose]: close,
  }

  function send(bytes: Uint8Array, to: Peer): boolean {
    if (closed) return false
    late ??= new Arena(family(local.address), many)
    late.letter(bytes, to)
    return sendmmsg(fd, late.answersFrom(0), 1, MSG_DONTWAIT) === 1
  }

  /** True when more may be waiting. */
  function serveBatch(): boolean {
    const count = receive(fd, arena)
    /** Answers to neighbours go together. */
    let first = 0
    for (let slot = 0; slot < count; slot++) {
      const answer = arena.isAnswerable(slot) ? onDatagram(arena.question(slot), arena.peer(slot)) : undefined
      if (closed) return false
      if (answer && answer.length <= slotData) arena.answer(slot, answer)
      else {
        sendAnswers(fd, arena, first, slot)
        first = slot + 1
        if (answer) send(answer, arena.peer(slot))
      }
    }
    sendAnswers(fd, arena, first, count)
    arena.rearm(count)
    return count === slots
  }
}

function receive(fd: number, arena: Arena): number {
  for (;;) {
    const count = recvmmsg(fd, arena.received, slots, MSG_DONTWAIT | MSG_TRUNC, null)
    if (count >= 0) return count
    // Without memory there is nothing to be had now; the reactor comes back.
    if (count === -EAGAIN || count === -ENOMEM || count === -ENOBUFS) return 0
    // What an earlier answer met on its way (a port where nobody listens) is told by the next call, and is that peer's concern.
    if (count !== -EINTR && !told.has(-count)) throw new KernelError('receive datagrams', -count)
  }
}

/** One that cannot be sent (no route, no room, a filter) is left out, as the network itself would. */
function sendAnswers(fd: number, arena: Arena, from: number, to: number): void {
  for (let at = from; at < to; ) {
    const sent = sendmmsg(fd, arena.answersFrom(at), to - at, MSG_DONTWAIT)
    if (sent !== -EINTR) at += Math.max(sent, 1)
  }
}

function tellLocalAddress(fd: number, of: Family): void {
  const op = 'ask for the addresses of datagrams'
  if (of === 4) setOption(op, fd, IPPROTO_IP, IP_PKTINFO, 1)
  else setOption(op, fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
}
