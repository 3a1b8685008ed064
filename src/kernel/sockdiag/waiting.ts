import { type Address, addressFromBytes } from '../../base/address.ts'
import { errnoOf } from '../libc.ts'
import { NetlinkError } from '../netlink/error.ts'
import { type Message, splitHeader } from '../netlink/reader.ts'
import { NETLINK_SOCK_DIAG, NetlinkSocket } from '../netlink/socket.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import type { Netns } from '../netns.ts'
import { AF_INET, AF_INET6 } from '../rtnetlink/request.ts'

// linux/sock_diag.h, linux/inet_diag.h (man 7 sock_diag).
const SOCK_DIAG_BY_FAMILY = 20
/** struct inet_diag_req_v2, struct inet_diag_msg. */
const requestSize = 56
const answerSize = 72
const INET_DIAG_SKV6ONLY = 11
// net/tcp_states.h: what waits for connections is in LISTEN; a datagram socket without a partner in CLOSE.
const TCP_SYN_SENT = 2
const TCP_CLOSE = 7
const TCP_LISTEN = 10
const protocols = [
  { name: 'tcp', number: 6, states: 1 << TCP_LISTEN },
  { name: 'udp', number: 17, states: 1 << TCP_CLOSE },
  { name: 'sctp', number: 132, states: 1 << TCP_LISTEN },
] as const

const ENOENT = errnoOf('ENOENT')
const EINVAL = errnoOf('EINVAL')

/** A socket that waits for connections or datagrams. */
export interface WaitingSocket {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly address: Address
  readonly port: number
  /** `::` and no IPv4 beside it. */
  readonly only6: boolean
  /** As in /proc/PID/fd: `socket:[4711]`. */
  readonly inode: number
  /** TCP: connections that the kernel has taken and the program has not, and how many there may be (listen(2)). */
  readonly waiting?: number
  readonly backlog?: number
}

/**
 * Every socket of a namespace that waits. The kernel is asked for these alone, so thousands of connections beside them cost nothing.
 * `untold`: protocols about which this kernel tells nothing (no udp_diag, no sctp_diag: modules of their own).
 */
export function waitingSockets(ns?: Netns): { sockets: WaitingSocket[]; untold: string[] } {
  const { waiting, untold } = openSockets(ns, false)
  return { sockets: waiting, untold }
}

/**
 * The same, and with `begun` every TCP connection that was begun, too. That costs half a millisecond: for it the kernel goes through its whole
 * table of connections, which is the machine's.
 */
export function openSockets(
  ns: Netns | undefined,
  begun: boolean,
): { waiting: WaitingSocket[]; dialling: DiallingSocket[]; untold: string[] } {
  using socket = new NetlinkSocket({ protocol: NETLINK_SOCK_DIAG, ns, buffer: 256 * 1024 })
  const untold: string[] = []
  const dialling: DiallingSocket[] = []
  const waiting = protocols.flatMap(({ name, number, states }) => {
    try {
      return [AF_INET, AF_INET6].flatMap((family) =>
        socket.dump(
          `list ${name} sockets`,
          SOCK_DIAG_BY_FAMILY,
          ask(family, number, begun && name === 'tcp' ? states | (1 << TCP_SYN_SENT) : states),
          (message) => {
            if (message.body[1] !== TCP_SYN_SENT) return readWaiting(message, name)
            const found = readDialling(message)
            if (found) dialling.push(found)
            return undefined
          },
        ),
      )
    } catch (error) {
      if (!(error instanceof NetlinkError) || (error.errno !== ENOENT && error.errno !== EINVAL)) throw error
      untold.push(name)
      return []
    }
  })
  return { waiting, dialling, untold }
}

/** A connection that was begun and that nobody has answered: its SYN was sent, or waits to be. */
export interface DiallingSocket {
  readonly from: Address
  readonly fromPort: number
  readonly to: Address
  readonly toPort: number
  readonly inode: number
}

function readDialling(message: Message): DiallingSocket | undefined {
  if (message.type !== SOCK_DIAG_BY_FAMILY) return undefined
  const { header } = splitHeader(message.body, answerSize)
  const family = header.getUint8(0)
  if (family !== AF_INET && family !== AF_INET6) return undefined
  const length = family === AF_INET ? 4 : 16
  return {
    from: addressFromBytes(message.body.subarray(8, 8 + length)),
    fromPort: header.getUint16(4),
    to: addressFromBytes(message.body.subarray(24, 24 + length)),
    toPort: header.getUint16(6),
    inode: header.getUint32(68, true),
  }
}

/** struct inet_diag_req_v2: what is in one of some states, of any address. */
function ask(family: number, protocol: number, states: number): (writer: MessageWriter) => void {
  return (writer) => {
    const header = writer.header(requestSize)
    header.setUint8(0, family)
    header.setUint8(1, protocol)
    header.setUint32(4, states, true)
  }
}

/** Reads struct inet_diag_msg; undefined for other messages, and for a socket that nobody can send to yet. */
export function readWaiting(message: Message, protocol: WaitingSocket['protocol']): WaitingSocket | undefined {
  if (message.type !== SOCK_DIAG_BY_FAMILY) return undefined
  const { header, attributes } = splitHeader(message.body, answerSize)
  const family = header.getUint8(0)
  if (family !== AF_INET && family !== AF_INET6) return undefined
  const port = header.getUint16(4)
  if (port === 0) return undefined
  const from = message.body.subarray(8, family === AF_INET ? 12 : 24)
  return {
    protocol,
    address: addressFromBytes(from),
    port,
    only6: attributes.u8(INET_DIAG_SKV6ONLY) === 1,
    inode: header.getUint32(68, true),
    ...(protocol === 'tcp' && { waiting: header.getUint32(56, true), backlog: header.getUint32(60, true) }),
  }
}
