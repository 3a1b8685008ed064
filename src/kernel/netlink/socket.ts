import { closeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { closeElsewhere } from '../descriptor.ts'
import { EAGAIN, EINTR, errnoOf, KernelError } from '../libc.ts'
import { inNetns } from '../netns.ts'
import { MSG_DONTWAIT } from '../socket-calls.ts'
import { type Ack, ackOf, NetlinkError, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, throwIfRefused } from './error.ts'
import { type Message, parseMessages, viewOf } from './reader.ts'
import { type NetlinkOptions, openDescriptor, portOf, receiveRaw, send, sendLater, sendLimitOf } from './descriptor.ts'
import { MessageWriter } from './writer.ts'

export { NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_SOCK_DIAG, type NetlinkOptions } from './descriptor.ts'

// struct nlmsghdr flags (linux/netlink.h).
export const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
export const NLM_F_ECHO = 0x8
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_DUMP = 0x300
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800

const ENOBUFS = errnoOf('ENOBUFS')
const dumpAttempts = 50
/** How long a slow dump may hold the event loop. */
const turnMs = 2

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
    this.#fd = inNetns(options.ns, () => openDescriptor(options))
  }

  /** For the reactor. */
  get fd(): number {
    if (this.#fd < 0) throw new TypeError('kernel: this netlink socket was closed')
    return this.#fd
  }

  /** Its own netlink address: notifications of what it causes carry this number. */
  get port(): number {
    return portOf(this.fd)
  }

  /** The longest batch that one send takes; an ordinary user's is limited by net.core.wmem_max. */
  get sendLimit(): number {
    return sendLimitOf(this.fd)
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
    let sent = -EINTR
    while (sent === -EINTR) sent = await sendLater(this.fd, writer.bytes, writer.length, 0)
    if (sent < 0) throw new NetlinkError(op, -sent)
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
   * A dump that may be long, of a table that lives: the kernel makes each part when it is received, so other work is done in between.
   * What changes meanwhile may be missing, or be there twice. The socket must not be used otherwise until the end.
   */
  async *dumpSlowly(
    op: string,
    type: number,
    body: (writer: MessageWriter) => void,
  ): AsyncGenerator<Message[], void, undefined> {
    this.#scratch.clear()
    this.#scratch.message(type, NLM_F_REQUEST | NLM_F_DUMP, body)
    const seq = this.#send(op, this.#scratch)
    for (let turn = performance.now(); ; ) {
      const datagram = receiveRaw(this.fd, 0, op)
      if (datagram === undefined) throw new KernelError(op, EAGAIN, 'the kernel sent no answer')
      const messages = parseMessages(datagram).filter((message) => message.seq === seq && message.type !== NLMSG_NOOP)
      const last = messages.findIndex(({ type: of }) => of === NLMSG_ERROR || of === NLMSG_DONE)
      if (last !== 0 && messages.length > 0) yield last < 0 ? messages : messages.slice(0, last)
      const end = messages[last]
      if (end) return throwIfRefused(op, ackOf(end))
      if (performance.now() - turn < turnMs) continue
      await setImmediate()
      turn = performance.now()
    }
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

  /** Of what its groups tell, the next datagram: waits for it, at most ten seconds; undefined when nothing came. Throws ENOBUFS where the kernel had to drop some. */
  next(): Message[] | undefined {
    const datagram = receiveRaw(this.fd, 0, 'wait for notifications')
    return datagram && parseMessages(datagram)
  }

  /** Idempotent. */
  close(): void {
    if (this.#fd < 0) return
    closeSync(this.#fd)
    this.#fd = -1
  }

  /** The same without making this thread wait, for a socket that owns a table; see {@link closeElsewhere}. */
  async closeElsewhere(): Promise<void> {
    const fd = this.#fd
    this.#fd = -1
    if (fd >= 0) await closeElsewhere(fd)
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
