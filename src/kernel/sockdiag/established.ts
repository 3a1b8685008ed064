import { type Address, addressBytes, addressFromBytes } from '../../base/address.ts'
import { type Message, splitHeader } from '../netlink/reader.ts'
import { NETLINK_SOCK_DIAG, NetlinkSocket } from '../netlink/socket.ts'
import type { Netns } from '../netns.ts'
import { AF_INET, AF_INET6 } from '../rtnetlink/request.ts'

// linux/sock_diag.h, linux/inet_diag.h (man 7 sock_diag).
const SOCK_DIAG_BY_FAMILY = 20
const INET_DIAG_INFO = 2
/** struct inet_diag_req_v2, struct inet_diag_msg. */
const requestSize = 56
const answerSize = 72
const TCP = 6
const TCP_ESTABLISHED = 1
// linux/tcp.h, struct tcp_info: offsets of what is read, and how long it has to be for that.
const info = { lastSent: 44, lastReceived: 52, acked: 120, received: 128, out: 136, in: 140, size: 144 } as const

/** A TCP connection that stands. */
export interface EstablishedSocket {
  readonly source: Address
  readonly sourcePort: number
  readonly destination: Address
  readonly destinationPort: number
  /** Since it began: payload that the other side has acknowledged, and that came; packets with and without payload. */
  readonly bytesOut: number
  readonly bytesIn: number
  readonly packetsOut: number
  readonly packetsIn: number
  /** Since the last byte of payload went or came. */
  readonly idleMs: number
}

/** The connections of a namespace from this address to that port there. The kernel looks at all sockets, and tells of those alone that stand. */
export function establishedSockets(
  ns: Netns | undefined,
  { source, destination, port }: { source: Address; destination: Address; port: number },
): EstablishedSocket[] {
  using socket = new NetlinkSocket({ protocol: NETLINK_SOCK_DIAG, ns, buffer: 256 * 1024 })
  const family = addressBytes(source).length === 4 ? AF_INET : AF_INET6
  return socket
    .dump(
      'list tcp connections',
      SOCK_DIAG_BY_FAMILY,
      (writer) => {
        const header = writer.header(requestSize)
        header.setUint8(0, family)
        header.setUint8(1, TCP)
        header.setUint8(2, 1 << (INET_DIAG_INFO - 1))
        header.setUint32(4, 1 << TCP_ESTABLISHED, true)
      },
      readEstablished,
    )
    .filter((one) => one.source === source && one.destination === destination && one.destinationPort === port)
}

/** Reads struct inet_diag_msg with its tcp_info; undefined for other messages, and from kernels that tell less (before Linux 4.2). */
export function readEstablished(message: Message): EstablishedSocket | undefined {
  if (message.type !== SOCK_DIAG_BY_FAMILY) return undefined
  const { header, attributes } = splitHeader(message.body, answerSize)
  const size = header.getUint8(0) === AF_INET ? 4 : 16
  const at = (offset: number): Address => addressFromBytes(message.body.subarray(offset, offset + size))
  const told = attributes.bytes(INET_DIAG_INFO)
  if (!told || told.length < info.size) return undefined
  const view = new DataView(told.buffer, told.byteOffset, told.length)
  return {
    source: at(8),
    sourcePort: header.getUint16(4),
    destination: at(24),
    destinationPort: header.getUint16(6),
    bytesOut: Number(view.getBigUint64(info.acked, true)),
    bytesIn: Number(view.getBigUint64(info.received, true)),
    packetsOut: view.getUint32(info.out, true),
    packetsIn: view.getUint32(info.in, true),
    idleMs: Math.min(view.getUint32(info.lastSent, true), view.getUint32(info.lastReceived, true)),
  }
}
