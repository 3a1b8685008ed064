import type { MessageWriter } from '../netlink/writer.ts'
import { AF_UNSPEC, familyOf } from '../rtnetlink/request.ts'

// linux/netfilter/nfnetlink.h: every message begins with struct nfgenmsg (u8 family, u8 version, be16 res_id).
const subsystem = 1 // NFNL_SUBSYS_CTNETLINK
export const headerSize = 4

/** enum cntl_msg_types. */
export const IPCTNL_MSG_CT = { NEW: 0, GET: 1, DELETE: 2, GET_STATS: 5 } as const

/** enum ctattr_type. */
export const CTA = {
  TUPLE_ORIG: 1,
  TUPLE_REPLY: 2,
  STATUS: 3,
  PROTOINFO: 4,
  TIMEOUT: 7,
  MARK: 8,
  COUNTERS_ORIG: 9,
  COUNTERS_REPLY: 10,
  ID: 12,
  ZONE: 18,
  TIMESTAMP: 20,
  FILTER: 25,
} as const

/** The netlink message type of a conntrack message. */
export function conntrackType(message: (typeof IPCTNL_MSG_CT)[keyof typeof IPCTNL_MSG_CT]): number {
  return (subsystem << 8) | message
}

/** The fixed header that goes before the attributes. */
export function writeHeader(writer: MessageWriter, family?: 4 | 6): void {
  writer.header(headerSize).setUint8(0, family === undefined ? AF_UNSPEC : familyOf(family))
}
