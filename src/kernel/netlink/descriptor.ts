import { closeSync } from 'node:fs'
import { attachFilter } from '../attach-filter.ts'
import type { Instruction } from '../bpf.ts'
import { declare, declareAsync, declareRaw, EAGAIN, EINTR, errnoOf, KernelError } from '../libc.ts'
import type { Netns } from '../netns.ts'
import { NetlinkError } from './error.ts'
import { viewOf } from './reader.ts'

export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_RCVTIMEO = 20
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12
export const MSG_DONTWAIT = 0x40
const MSG_TRUNC = 0x20
const EPROTONOSUPPORT = errnoOf('EPROTONOSUPPORT')
const EPERM = errnoOf('EPERM')

const socket = declareRaw<[number, number, number]>('int socket(int, int, int)')
const bind = declare<[number, Uint8Array, number]>('int bind(int, void *, unsigned int)')
const setsockopt = declareRaw<[number, number, number, Uint8Array, number]>(
  'int setsockopt(int, int, int, void *, unsigned int)',
)
const getsockname = declare<[number, Uint8Array, Uint8Array]>('int getsockname(int, void *, void *)')
const getsockopt = declare<[number, number, number, Uint8Array, Uint8Array]>(
  'int getsockopt(int, int, int, void *, void *)',
)
export const send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number = declareRaw<
  [number, Uint8Array, number, number]
>('long send(int, void *, unsigned long, int)')
/** On a thread of libuv's pool. */
export const sendLater: (fd: number, bytes: Uint8Array, length: number, flags: number) => Promise<number> =
  declareAsync('long send(int, void *, unsigned long, int)')
const recvfrom = declareRaw<[number, Uint8Array, number, number, Uint8Array, Uint8Array]>(
  'long recvfrom(int, void *, unsigned long, int, void *, void *)',
)

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
  if (fd < 0) throw new KernelError(op, -fd)
  try {
    const size = options.buffer ?? 4 * 1024 * 1024
    setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, size)
    setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, size)
    set(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1)
    set(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1)
    if (options.strict) set(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    // Answers are there when send returns; were one ever missing, this makes it an error instead of a hang.
    const timeout = new Uint8Array(16)
    viewOf(timeout).setBigInt64(0, 10n, true)
    setOption(fd, SOL_SOCKET, SO_RCVTIMEO, timeout)
    const address = new Uint8Array(12)
    viewOf(address).setUint16(0, AF_NETLINK, true)
    bind('bind a netlink socket', fd, address, address.length)
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

/** FORCE passes the system's limit, and needs rights on the machine itself; without them the limit has to do. */
function setBuffer(fd: number, force: number, plain: number, size: number): void {
  const value = int(size)
  const result = setsockopt(fd, SOL_SOCKET, force, value, 4)
  if (result === -EPERM) setOption(fd, SOL_SOCKET, plain, value)
  else if (result < 0) throw new KernelError('set a socket buffer', -result)
}

function set(fd: number, level: number, name: number, value: number): void {
  setOption(fd, level, name, int(value))
}

function setOption(fd: number, level: number, name: number, value: Uint8Array): void {
  const result = setsockopt(fd, level, name, value, value.length)
  if (result < 0) throw new KernelError(`set netlink option ${level}/${name}`, -result)
}

/** The socket's own address, which the kernel gave it when it was bound: what it sends and causes carries this number. */
export function portOf(fd: number): number {
  const address = new Uint8Array(12)
  const length = int(address.length)
  getsockname('read a socket address', fd, address, length)
  return viewOf(address).getUint32(4, true)
}

/** The longest message that one send takes (netlink_sendmsg). */
export function sendLimitOf(fd: number): number {
  const value = int(0)
  getsockopt('read a socket option', fd, SOL_SOCKET, SO_SNDBUF, value, int(4))
  return viewOf(value).getInt32(0, true) - 32
}

function int(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setInt32(0, value, true)
  return bytes
}
