import { type Address, addressBytes, addressFromBytes, family } from '../../base/address.ts'
import { type Message, splitHeader } from '../netlink/reader.ts'
import { NLM_F_CREATE, NLM_F_REPLACE } from '../netlink/socket.ts'
import { type Mac, macBytes, macFromBytes } from './mac.ts'
import { AF_BRIDGE, familyOf, type Request } from './request.ts'

// linux/neighbour.h
export const RTM_NEWNEIGH = 28
export const RTM_DELNEIGH = 29
export const RTM_GETNEIGH = 30
export const ndmsg = 12
export const NDA_DST = 1
export const NDA_LLADDR = 2
export const NDA_MASTER = 9
export const NUD_NOARP = 0x40
export const NUD_PERMANENT = 0x80
const states: readonly [number, NeighbourState][] = [
  [0x01, 'incomplete'],
  [0x02, 'reachable'],
  [0x04, 'stale'],
  [0x08, 'delay'],
  [0x10, 'probe'],
  [0x20, 'failed'],
  [NUD_NOARP, 'noarp'],
  [NUD_PERMANENT, 'permanent'],
]

export type NeighbourState =
  | 'none'
  | 'incomplete'
  | 'reachable'
  | 'stale'
  | 'delay'
  | 'probe'
  | 'failed'
  | 'noarp'
  | 'permanent'

/** An answer to "who has this address?" that the machine remembers: the ARP (or NDP) table. */
export interface Neighbour {
  /** Index of the link. */
  readonly index: number
  readonly address: Address
  /** Missing while nobody has answered. */
  readonly mac?: Mac
  readonly state: NeighbourState
}

/** A permanent entry, in place of what was there. */
export function setNeighbour(of: { index: number; address: Address; mac: Mac }): Request {
  return {
    op: `set neighbour ${of.address} on link ${of.index}`,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    write: (w) => {
      const header = w.header(ndmsg)
      header.setUint8(0, familyOf(family(of.address)))
      header.setInt32(4, of.index, true)
      header.setUint16(8, NUD_PERMANENT, true)
      w.attribute(NDA_DST, addressBytes(of.address))
      w.attribute(NDA_LLADDR, macBytes(of.mac))
    },
  }
}

/** ENOENT when there is none. */
export function deleteNeighbour(of: { index: number; address: Address }): Request {
  return {
    op: `delete neighbour ${of.address} on link ${of.index}`,
    type: RTM_DELNEIGH,
    flags: 0,
    already: 'ENOENT',
    write: (w) => {
      const header = w.header(ndmsg)
      header.setUint8(0, familyOf(family(of.address)))
      header.setInt32(4, of.index, true)
      w.attribute(NDA_DST, addressBytes(of.address))
    },
  }
}

/** Reads RTM_NEWNEIGH and RTM_DELNEIGH of IP families; undefined for others (the bridge's table is in fdb.ts). */
export function readNeighbour(message: Message): Neighbour | undefined {
  if (message.type !== RTM_NEWNEIGH && message.type !== RTM_DELNEIGH) return undefined
  const { header, attributes } = splitHeader(message.body, ndmsg)
  const bytes = attributes.bytes(NDA_DST)
  if (header.getUint8(0) === AF_BRIDGE || (bytes?.length !== 4 && bytes?.length !== 16)) return undefined
  const state = header.getUint16(8, true)
  const mac = macFromBytes(attributes.bytes(NDA_LLADDR))
  return {
    index: header.getInt32(4, true),
    address: addressFromBytes(bytes),
    state: states.find(([bit]) => state & bit)?.[1] ?? 'none',
    ...(mac !== undefined && { mac }),
  }
}
