import { errnoName, KernelError } from '../libc.ts'
import { Attributes, type Message, viewOf } from './reader.ts'

export const NLMSG_NOOP = 1
export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3
const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200
const NLMSGERR_ATTR_MSG = 1
const NLMSGERR_ATTR_OFFS = 2

/** A netlink request that the kernel refused. `say` is the kernel's own sentence (extended ack), where it has one. */
export class NetlinkError extends KernelError {
  readonly say: string | undefined
  /** Byte of the request that the kernel objects to. */
  readonly offset: number | undefined
  constructor(op: string, errno: number, say?: string, offset?: number) {
    super(op, errno, say ?? remedyOf(errno))
    this.name = 'NetlinkError'
    this.say = say
    this.offset = offset
  }
}

/** What an acknowledgement says; errno 0 is success. */
export interface Ack {
  readonly errno: number
  readonly say: string | undefined
  readonly offset: number | undefined
}

/** Reads NLMSG_ERROR (struct nlmsgerr: the error, the header it answers, then attributes) and NLMSG_DONE (the error alone). */
export function ackOf(message: Message): Ack {
  const { type, flags, body } = message
  // Kernels before 2.6 ended a dump without a code; a short body means success.
  const errno = body.length >= 4 ? -viewOf(body).getInt32(0, true) : 0
  const nothing: Ack = { errno, say: undefined, offset: undefined }
  if ((flags & NLM_F_ACK_TLVS) === 0) return nothing
  let start = 4
  if (type === NLMSG_ERROR) {
    if (body.length < 20) return nothing
    const echoed = (flags & NLM_F_CAPPED) === 0 && errno !== 0 ? viewOf(body).getUint32(4, true) : 16
    start = 4 + ((Math.max(echoed, 16) + 3) & ~3)
  }
  if (start > body.length) return nothing
  const attributes = new Attributes(body.subarray(start))
  return { errno, say: attributes.string(NLMSGERR_ATTR_MSG), offset: attributes.u32(NLMSGERR_ATTR_OFFS) }
}

/** Throws what the kernel refused, and nothing for success. */
export function throwIfRefused(op: string, ack: Ack): void {
  if (ack.errno !== 0) throw new NetlinkError(op, ack.errno, ack.say, ack.offset)
}

function remedyOf(errno: number): string | undefined {
  switch (errnoName(errno)) {
    case 'EPERM':
      return 'CAP_NET_ADMIN is missing in this network namespace: run as root, or inside `unshare --user --map-root-user --net`'
    case 'ENOBUFS':
      return 'the socket’s buffer overflowed: messages were lost'
    default:
      return undefined
  }
}
