import { closeSync } from 'node:fs'
import { attachFilter } from '../attach-filter.ts'
import type { Instruction } from '../bpf.ts'
import { declareAsync, declareRaw, EAGAIN, EINTR, errnoOf, KernelError } from '../libc.ts'
import type { Netns } from '../netns.ts'
import {
  bind,
  checked,
  getsockname,
  getsockopt,
  int,
  MSG_TRUNC,
  recvfrom,
  setBuffer,
  setOption,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  socket,
  SOL_SOCKET,
} from '../socket-calls.ts'
import { NetlinkError } from './error.ts'
import { viewOf } from './reader.ts'

export const NETLINK_ROUTE = 0
export const NETLINK_SOCK_DIAG = 4
export const NETLINK_NETFILTER = 12

const AF_NETLINK = 16
const SO_SNDBUF = 7
const SO_RCVTIMEO = 20
const SO_SNDBUFFORCE = 32
const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12
const EPROTONOSUPPORT = errnoOf('EPROTONOSUPPORT')

export const send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number = declareRaw<
  [number, Uint8Array, number, number]
>('long send(int, void *, unsigned long, int)')
/** On a thread of libuv's pool. */
export const sendLater: (fd: number, bytes: Uint8Array, length: number, flags: number) => Promise<number> =
  declareAsync('long send(int, void *, unsigned long, int)')

// Every call is synchronous, so all sockets can receive into one buffer; what is kept is copied out of it.
const inbox = new Uint8Array(512 * 1024)
const from = new Uint8Array(12)
const fromLength = new Uint8Array(4)

export interface NetlinkOptions {
  /** NETLINK_ROUTE, NETLINK_NETFILTER, ... */
  protocol: number
  /** Where the socket lives; the thread's own namespace when left out. It stays there for good. */
  ns?: Netns | undefined
  /** Multicast groups by number (RTNLGRP_*, NFNLGRP_*). A socket with groups is for {@link NetlinkSocket.receive}. */
  groups?: readonly number[]
  /** What of the groups' messages reaches the socket; offsets are those of the first netlink header. */
  filter?: readonly Instruction[]
  /** Asks the kernel to check dump requests and to filter by them (NETLINK_GET_STRICT_CHK; rtnetlink only). */
  strict?: boolean
  /** Bytes of socket buffer asked for; the kernel may give an ordinary user less. Default 4 MiB. */
  buffer?: number
}

/** A bound netlink socket of the current namespace, set up for whole answers and clear errors. */
export function openDescriptor(options: NetlinkOptions): number {
  const op = 'open a netlink socket'
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, options.protocol)
  if (fd === -EPROTONOSUPPORT)
    throw new KernelError(
      op,
      EPROTONOSUPPORT,
      options.protocol === NETLINK_NETFILTER
        ? 'the kernel has no nf_tables: modprobe nf_tables (CONFIG_NF_TABLES)'
        : `the kernel lacks netlink protocol ${options.protocol}`,
    )
  checked(op, fd)
  try {
    const size = options.buffer ?? 4 * 1024 * 1024
    setBuffer('set a socket buffer', fd, SO_RCVBUFFORCE, SO_RCVBUF, size)
    setBuffer('set a socket buffer', fd, SO_SNDBUFFORCE, SO_SNDBUF, size)
    set(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1)
    set(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1)
    if (options.strict) set(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    // Answers are there when send returns; were one ever missing, this makes it an error instead of a hang.
    const timeout = new Uint8Array(16)
    viewOf(timeout).setBigInt64(0, 10n, true)
    setOption('limit how long is waited', fd, SOL_SOCKET, SO_RCVTIMEO, timeout)
    const address = new Uint8Array(12)
    viewOf(address).setUint16(0, AF_NETLINK, true)
    checked('bind a netlink socket', bind(fd, address, address.length))
    if (options.filter) attachFilter(op, fd, options.filter)
    for (const group of options.groups ?? []) set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** The next datagram from the kernel, or undefined when there is none (yet). */
export function receiveRaw(fd: number, flags: number, op: string): Uint8Array | undefined {
  for (;;) {
    viewOf(fromLength).setUint32(0, from.length, true)
    const length = recvfrom(fd, inbox, inbox.length, flags | MSG_TRUNC, from, fromLength)
    if (length === -EINTR) continue
    if (length === -EAGAIN) return undefined
    if (length < 0) throw new NetlinkError(op, -length)
    if (length > inbox.length) throw new KernelError(op, errnoOf('EMSGSIZE'), `an answer of ${length} bytes`)
    // Another process may send to this socket too; only port 0 is the kernel.
    if (viewOf(from).getUint32(4, true) === 0) return inbox.slice(0, length)
  }
}

function set(fd: number, level: number, name: number, value: number): void {
  setOption(`set netlink option ${level}/${name}`, fd, level, name, value)
}

/** The socket's own address, which the kernel gave it when it was bound: what it sends and causes carries this number. */
export function portOf(fd: number): number {
  const address = new Uint8Array(12)
  const length = int(address.length)
  checked('read a socket address', getsockname(fd, address, length))
  return viewOf(address).getUint32(4, true)
}

/** The longest message that one send takes (netlink_sendmsg). */
export function sendLimitOf(fd: number): number {
  const value = int(0)
  checked('read a socket option', getsockopt(fd, SOL_SOCKET, SO_SNDBUF, value, int(4)))
  return viewOf(value).getInt32(0, true) - 32
}
