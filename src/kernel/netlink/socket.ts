import { closeSync } from 'node:fs'
import { declare, declareAsync, declareRaw, EAGAIN, EINTR, errnoOf, KernelError } from '../libc.ts'
import { inNetns, type Netns } from '../netns.ts'
import { type Ack, ackOf, NetlinkError, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, throwIfRefused } from './error.ts'
import { type Message, parseMessages, viewOf } from './reader.ts'
import { MessageWriter } from './writer.ts'

export const NETLINK_ROUTE = 0
export const NETLINK_SOCK_DIAG = 4
export const NETLINK_NETFILTER = 12

// struct nlmsghdr flags (linux/netlink.h).
export const NLM_F_REQUEST = 0x1
export const NLM_F_MULTI = 0x2
export const NLM_F_ACK = 0x4
export const NLM_F_ECHO = 0x8
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_DUMP = 0x300
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800

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
const MSG_DONTWAIT = 0x40
const MSG_TRUNC = 0x20
const EPROTONOSUPPORT = errnoOf('EPROTONOSUPPORT')
const ENOBUFS = errnoOf('ENOBUFS')
const EPERM = errnoOf('EPERM')

const socket = declareRaw<[number, number, number]>('int socket(int, int, int)')
const bind = declare<[number, Uint8Array, number]>('int bind(int, void *, unsigned int)')
const setsockopt = declareRaw<[number, number, number, Uint8Array, number]>(
  'int setsockopt(int, int, int, void *, unsigned int)',
)
const getsockopt = declare<[number, number, number, Uint8Array, Uint8Array]>(
  'int getsockopt(int, int, int, void *, void *)',
)
const send = declareRaw<[number, Uint8Array, number, number]>('long send(int, void *, unsigned long, int)')
const sendLater = declareAsync<[number, Uint8Array, number, number]>('long send(int, void *, unsigned long, int)')
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
  /** Asks the kernel to check dump requests and to filter by them (NETLINK_GET_STRICT_CHK; rtnetlink only). */
  strict?: boolean
  /** Bytes of socket buffer asked for; the kernel may give an ordinary user less. Default 4 MiB. */
  buffer?: number
}

/** What a batch came to. `index` counts the batch's messages from 0. */
export interface BatchReply {
  readonly errors: { readonly index: number; readonly ack: Ack }[]
  /** Everything that was neither an error nor a bare acknowledgement: echoed objects. */
  readonly messages: Message[]
}

/** A netlink socket. Requests are synchronous: the kernel works them off inside `send`, so the answer is there at once. */
export class NetlinkSocket implements Disposable {
  #fd: number
  #seq = 0
  readonly #scratch = new MessageWriter()

  constructor(options: NetlinkOptions) {
    this.#fd = inNetns(options.ns, () => open(options))
  }

  /** For the reactor. */
  get fd(): number {
    if (this.#fd < 0) throw new TypeError('kernel: this netlink socket was closed')
    return this.#fd
  }

  /** The longest batch that one send takes; an ordinary user's is limited by net.core.wmem_max. */
  get sendLimit(): number {
    return option(this.fd, SO_SNDBUF) - 32
  }

  /** Sends one request and waits for its acknowledgement; returns what the kernel sent before it. Throws a NetlinkError. */
  request(op: string, type: number, flags: number, body: (writer: MessageWriter) => void): Message[] {
    this.#scratch.clear()
    this.#scratch.message(type, flags | NLM_F_REQUEST | NLM_F_ACK, body)
    const first = this.#send(op, this.#scratch)
    return this.#collect(op, first).messages
  }

  /**
   * The same for requests that the kernel takes long over (deleting links waits for grace periods of 20 ms): sent from a thread
   * of libuv's pool, so the event loop goes on. The socket must not be used otherwise meanwhile.
   */
  async requestLater(op: string, type: number, flags: number, body: (writer: MessageWriter) => void): Promise<void> {
    const writer = new MessageWriter(256).message(type, flags | NLM_F_REQUEST | NLM_F_ACK, body)
    const first = this.#number(writer)
    const sent = await sendLater(this.fd, writer.bytes, writer.length, 0)
    // errno stays behind on the other thread.
    if (sent < 0) throw new KernelError(op, errnoOf('EIO'), 'the request could not be sent')
    this.#collect(op, first)
  }

  /** One dump, as a whole: repeated when the kernel says that the table changed beneath it. */
  dump<T>(
    op: string,
    type: number,
    body: (writer: MessageWriter) => void,
    read: (message: Message) => T | undefined,
  ): T[] {
    for (let attempt = 0; attempt < dumpAttempts; attempt++) {
      this.#scratch.clear()
      this.#scratch.message(type, NLM_F_REQUEST | NLM_F_DUMP, body)
      const { messages, interrupted } = this.#collect(op, this.#send(op, this.#scratch))
      if (interrupted) continue
      const found: T[] = []
      for (const message of messages) {
        const item = read(message)
        if (item !== undefined) found.push(item)
      }
      return found
    }
    throw new KernelError(op, errnoOf('EINTR'), `the table changed during each of ${dumpAttempts} dumps`)
  }

  /**
   * Sends everything in `writer` with one system call and collects every answer there is. Messages are acknowledged only where
   * they carry NLM_F_ACK (a failure always is); whether one failure undoes the others is the protocol's business: rtnetlink goes
   * on, an nf_tables transaction is undone.
   */
  batch(op: string, writer: MessageWriter): BatchReply {
    const first = this.#send(op, writer)
    const errors: BatchReply['errors'][number][] = []
    const messages: Message[] = []
    for (;;) {
      const datagram = receiveRaw(this.fd, MSG_DONTWAIT, op)
      if (datagram === undefined) return { errors, messages }
      for (const message of parseMessages(datagram)) {
        const index = (message.seq - first) >>> 0
        if (index >= writer.count || message.type === NLMSG_NOOP) continue
        if (message.type !== NLMSG_ERROR) {
          if (message.type !== NLMSG_DONE) messages.push(message)
          continue
        }
        const ack = ackOf(message)
        if (ack.errno !== 0) errors.push({ index, ack })
      }
    }
  }

  /** What has arrived so far, without waiting; `lost` when the kernel had to drop messages (the listener must look anew). */
  receive(): { messages: Message[]; lost: boolean } {
    const messages: Message[] = []
    let lost = false
    for (;;) {
      try {
        const datagram = receiveRaw(this.fd, MSG_DONTWAIT, 'receive notifications')
        if (datagram === undefined) return { messages, lost }
        messages.push(...parseMessages(datagram))
      } catch (error) {
        if (!(error instanceof KernelError) || error.errno !== ENOBUFS) throw error
        lost = true
      }
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd < 0) return
    closeSync(this.#fd)
    this.#fd = -1
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Gives each message its sequence number; returns the first one's. */
  #number(writer: MessageWriter): number {
    const bytes = writer.bytes
    const view = viewOf(bytes)
    const first = (this.#seq + 1) >>> 0
    for (let at = 0; at < bytes.length; at += (view.getUint32(at, true) + 3) & ~3) {
      this.#seq = (this.#seq + 1) >>> 0
      view.setUint32(at + 8, this.#seq, true)
    }
    return first
  }

  /** Sends the messages, numbered; returns the first one's sequence number. */
  #send(op: string, writer: MessageWriter): number {
    const bytes = writer.bytes
    const first = this.#number(writer)
    let result = -EINTR
    while (result === -EINTR) result = send(this.fd, bytes, bytes.length, 0)
    if (result === -errnoOf('EMSGSIZE'))
      throw new NetlinkError(
        op,
        -result,
        `${bytes.length} bytes in one batch, where the socket takes ${this.sendLimit} (net.core.wmem_max limits it)`,
      )
    if (result < 0) throw new NetlinkError(op, -result)
    return first
  }

  /** Reads answers to request `seq` up to its acknowledgement or the dump's end. */
  #collect(op: string, seq: number): { messages: Message[]; interrupted: boolean } {
    const messages: Message[] = []
    let interrupted = false
    for (;;) {
      const datagram = receiveRaw(this.fd, 0, op)
      if (datagram === undefined) throw new KernelError(op, EAGAIN, 'the kernel sent no answer')
      for (const message of parseMessages(datagram)) {
        // Leftovers of a request that failed midway carry an older number.
        if (message.seq !== seq || message.type === NLMSG_NOOP) continue
        if (message.flags & NLM_F_DUMP_INTR) interrupted = true
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          const ack = ackOf(message)
          // A dump may also end with EINTR instead of the flag.
          if (ack.errno === EINTR) return { messages, interrupted: true }
          throwIfRefused(op, ack)
          return { messages, interrupted }
        }
        messages.push(message)
      }
    }
  }
}

const dumpAttempts = 50

function open(options: NetlinkOptions): number {
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
    for (const group of options.groups ?? []) set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** The next datagram from the kernel, or undefined when there is none (yet). */
function receiveRaw(fd: number, flags: number, op: string): Uint8Array | undefined {
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

function option(fd: number, name: number): number {
  const value = int(0)
  getsockopt('read a socket option', fd, SOL_SOCKET, name, value, int(4))
  return viewOf(value).getInt32(0, true)
}

function int(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setInt32(0, value, true)
  return bytes
}
