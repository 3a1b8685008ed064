import type { MessageWriter } from '../netlink/writer.ts'
import { type Message, splitHeader, type Attributes } from '../netlink/reader.ts'

// linux/netfilter/nfnetlink.h: every message begins with struct nfgenmsg (u8 family, u8 version, be16 res_id).
const subsystem = 10 // NFNL_SUBSYS_NFTABLES
const headerSize = 4
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
const NFNL_BATCH_GENID = 1
const NLM_F_REQUEST = 1

/** enum nf_tables_msg_types. */
export const NFT_MSG = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  DELCHAIN: 5,
  NEWRULE: 6,
  GETRULE: 7,
  DELRULE: 8,
  NEWSET: 9,
  GETSET: 10,
  DELSET: 11,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
  NEWGEN: 15,
  GETGEN: 16,
  TRACE: 17,
} as const
export type NftMessage = (typeof NFT_MSG)[keyof typeof NFT_MSG]

/** Address families of tables, by the name that nft gives them (NFPROTO_*). */
export const families = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const
export type TableFamily = keyof typeof families

export function familyName(nfproto: number): TableFamily | undefined {
  return (Object.keys(families) as TableFamily[]).find((name) => families[name] === nfproto)
}

/** The netlink message type of an nf_tables message. */
export function nftType(message: NftMessage): number {
  return (subsystem << 8) | message
}

/** Which nf_tables message this is, or undefined when another subsystem speaks. */
export function nftMessageOf(message: Message): number | undefined {
  return message.type >> 8 === subsystem ? message.type & 0xff : undefined
}

/** The fixed header that goes before the attributes. */
export function writeHeader(writer: MessageWriter, family: TableFamily | 'any'): void {
  writer.header(headerSize).setUint8(0, family === 'any' ? 0 : families[family])
}

/** The family and the attributes of a message from the kernel. */
export function readHeader(message: Message): { family: TableFamily | undefined; attributes: Attributes } {
  const { header, attributes } = splitHeader(message.body, headerSize)
  return { family: familyName(header.getUint8(0)), attributes }
}

/**
 * Everything between begin and end is one transaction: all of it happens, at one moment, or nothing. With `generation` nothing happens
 * (ERESTART) unless the last transaction before was of this number.
 */
export function beginBatch(writer: MessageWriter, generation?: number): void {
  batchMark(writer, NFNL_MSG_BATCH_BEGIN, generation)
}

export function endBatch(writer: MessageWriter): void {
  batchMark(writer, NFNL_MSG_BATCH_END)
}

function batchMark(writer: MessageWriter, type: number, generation?: number): void {
  writer.message(type, NLM_F_REQUEST, (w) => {
    // res_id names the subsystem, in network order.
    w.header(headerSize).setUint16(2, subsystem)
    if (generation !== undefined) w.be32(NFNL_BATCH_GENID, generation)
  })
}
