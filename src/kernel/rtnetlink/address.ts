import { type Address, addressBytes, addressFromBytes, family } from '../../base/address.ts'
import { type Message, splitHeader } from '../netlink/reader.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/socket.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { familyOf, type Request } from './request.ts'

// linux/if_addr.h
export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22
export const ifaddrmsg = 8
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4
const IFA_FLAGS = 8
const IFA_F_NODAD = 0x2

/** An address of a link. */
export interface LinkAddress {
  /** Index of the link. */
  readonly index: number
  readonly address: Address
  /** Length of the range around it that is "on this link". */
  readonly prefix: number
}

/** EEXIST when the link has it. IPv6 addresses skip duplicate detection: Kubehop hands each out once. */
export function addAddress(of: LinkAddress): Request {
  return {
    op: `add address ${of.address}/${of.prefix} to link ${of.index}`,
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    already: 'EEXIST',
    write: (w) => {
      writeAddress(w, of)
      if (family(of.address) === 6) w.u32(IFA_FLAGS, IFA_F_NODAD)
      else if (of.prefix < 31) w.attribute(IFA_BROADCAST, broadcastOf(of))
    },
  }
}

/** EADDRNOTAVAIL when the link does not have it. */
export function deleteAddress(of: LinkAddress): Request {
  return {
    op: `delete address ${of.address}/${of.prefix} of link ${of.index}`,
    type: RTM_DELADDR,
    flags: 0,
    already: 'EADDRNOTAVAIL',
    write: (w) => writeAddress(w, of),
  }
}

/** Reads RTM_NEWADDR and RTM_DELADDR; undefined for other messages. */
export function readAddress(message: Message): LinkAddress | undefined {
  if (message.type !== RTM_NEWADDR && message.type !== RTM_DELADDR) return undefined
  const { header, attributes } = splitHeader(message.body, ifaddrmsg)
  // IFA_ADDRESS is the other end's address on a point-to-point link; IFA_LOCAL, where present, is ours.
  const bytes = attributes.bytes(IFA_LOCAL) ?? attributes.bytes(IFA_ADDRESS)
  if (bytes?.length !== 4 && bytes?.length !== 16) return undefined
  return { index: header.getUint32(4, true), address: addressFromBytes(bytes), prefix: header.getUint8(1) }
}

function writeAddress(w: MessageWriter, of: LinkAddress): void {
  const header = w.header(ifaddrmsg)
  header.setUint8(0, familyOf(family(of.address)))
  header.setUint8(1, of.prefix)
  header.setUint32(4, of.index, true)
  w.attribute(IFA_LOCAL, addressBytes(of.address))
  w.attribute(IFA_ADDRESS, addressBytes(of.address))
}

function broadcastOf(of: LinkAddress): Uint8Array {
  const bytes = addressBytes(of.address)
  for (let bit = of.prefix; bit < 32; bit++) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return bytes
}
