import { type Address, addressBytes, addressFromBytes } from '../../base/address.ts'
import { type Message, splitHeader } from '../netlink/reader.ts'
import { NLM_F_APPEND, NLM_F_CREATE } from '../netlink/socket.ts'
import { type Mac, macBytes, macFromBytes } from './mac.ts'
import {
  NDA_DST,
  NDA_LLADDR,
  NDA_MASTER,
  ndmsg,
  NUD_NOARP,
  NUD_PERMANENT,
  RTM_DELNEIGH,
  RTM_NEWNEIGH,
} from './neighbour.ts'
import { AF_BRIDGE, type Request } from './request.ts'

const NTF_SELF = 0x2

/** "This Ethernet address is behind that port": a line of a bridge's (or VXLAN device's) forwarding table. */
export interface FdbEntry {
  /** Index of the port, or of the VXLAN device. */
  readonly index: number
  readonly mac: Mac
  /** Index of the bridge, when a bridge's table holds it. */
  readonly bridge?: number
  /** VXLAN: the machine behind which the address is. */
  readonly remote?: Address
  /** `local`: the port's own address; `permanent`: entered; `learned`: seen in a frame. */
  readonly state: 'local' | 'permanent' | 'learned'
}

/** On a VXLAN device, frames to `mac` go to `remote`. `00:00:00:00:00:00` stands for what is not known: each remote gets a copy. */
export function addFdb(of: { index: number; mac: Mac; remote: Address }): Request {
  return {
    op: `add ${of.mac} behind ${of.remote} to link ${of.index}`,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | (of.mac === '00:00:00:00:00:00' ? NLM_F_APPEND : 0),
    already: 'EEXIST',
    write: writeFdb(of, NUD_PERMANENT | NUD_NOARP),
  }
}

/** ENOENT when there is none. */
export function deleteFdb(of: { index: number; mac: Mac; remote?: Address }): Request {
  return {
    op: `delete ${of.mac} of link ${of.index}`,
    type: RTM_DELNEIGH,
    flags: 0,
    already: 'ENOENT',
    write: writeFdb(of, 0),
  }
}

/** Reads RTM_NEWNEIGH and RTM_DELNEIGH of family AF_BRIDGE; undefined for others. */
export function readFdb(message: Message): FdbEntry | undefined {
  if (message.type !== RTM_NEWNEIGH && message.type !== RTM_DELNEIGH) return undefined
  const { header, attributes } = splitHeader(message.body, ndmsg)
  const mac = macFromBytes(attributes.bytes(NDA_LLADDR))
  if (header.getUint8(0) !== AF_BRIDGE || mac === undefined) return undefined
  const state = header.getUint16(8, true)
  const bridge = attributes.u32(NDA_MASTER)
  const remote = attributes.bytes(NDA_DST)
  const self = (header.getUint8(10) & NTF_SELF) !== 0
  return {
    index: header.getInt32(4, true),
    mac,
    state: (state & NUD_PERMANENT) === 0 ? (state & NUD_NOARP ? 'permanent' : 'learned') : self ? 'permanent' : 'local',
    ...(bridge !== undefined && { bridge }),
    ...((remote?.length === 4 || remote?.length === 16) && { remote: addressFromBytes(remote) }),
  }
}

function writeFdb(of: { index: number; mac: Mac; remote?: Address }, state: number): Request['write'] {
  return (w) => {
    const header = w.header(ndmsg)
    header.setUint8(0, AF_BRIDGE)
    header.setInt32(4, of.index, true)
    header.setUint16(8, state, true)
    header.setUint8(10, NTF_SELF)
    w.attribute(NDA_LLADDR, macBytes(of.mac))
    if (of.remote !== undefined) w.attribute(NDA_DST, addressBytes(of.remote))
  }
}
