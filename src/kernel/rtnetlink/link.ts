import type { Netns } from '../netns.ts'
import { type Message, splitHeader } from '../netlink/reader.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { type Mac, macBytes, macFromBytes } from './mac.ts'
import { AF_INET6, AF_UNSPEC, type Request } from './request.ts'
import { readVxlan, type Vxlan } from './vxlan.ts'

// linux/if_link.h, linux/if.h
export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const ifinfomsg = 16
export const IFF_UP = 0x1
const IFF_PROMISC = 0x100
const IFF_LOWER_UP = 0x10000
const IFLA_ADDRESS = 1
export const IFLA_IFNAME = 3
export const IFLA_MTU = 4
const IFLA_LINK = 5
export const IFLA_MASTER = 10
export const IFLA_LINKINFO = 18
const IFLA_IFALIAS = 20
const IFLA_STATS64 = 23
const IFLA_AF_SPEC = 26
const IFLA_GROUP = 27
const IFLA_NET_NS_FD = 28
export const IFLA_EXT_MASK = 29
const IFLA_LINK_NETNSID = 37
export const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_KIND = 4
const IFLA_INFO_SLAVE_DATA = 5
const IFLA_BRPORT_STATE = 1
const IFLA_BRPORT_MODE = 4
const IFLA_BRPORT_LEARNING = 8
const IFLA_BRPORT_ISOLATED = 33
const IFLA_INET6_ADDR_GEN_MODE = 8
const IN6_ADDR_GEN_MODE_NONE = 1

/** A network device as the kernel describes it. */
export interface Link {
  readonly index: number
  readonly name: string
  /** `veth`, `bridge`, `vxlan`, ...; undefined for hardware and `lo`. */
  readonly kind: string | undefined
  readonly mac: Mac | undefined
  readonly mtu: number
  /** Administratively up. */
  readonly up: boolean
  /** Up, and the other end of the cable too. */
  readonly running: boolean
  readonly promiscuous: boolean
  /** Index of the bridge that it is a port of. */
  readonly master: number | undefined
  /** A veth's other end: its index there, and the id by which this namespace knows the other (undefined: the same one). */
  readonly peer: { readonly index: number; readonly nsid: number | undefined } | undefined
  readonly alias: string | undefined
  readonly port: BridgePort | undefined
  readonly vxlan: Vxlan | undefined
  /** Only when asked for. */
  readonly stats: LinkStats | undefined
}

export interface BridgePort {
  /** May a frame leave by the port it came in by? */
  readonly hairpin: boolean
  readonly learning: boolean
  readonly isolated: boolean
  readonly forwarding: boolean
}

export interface LinkStats {
  readonly rxPackets: bigint
  readonly txPackets: bigint
  readonly rxBytes: bigint
  readonly txBytes: bigint
  readonly rxDropped: bigint
  readonly txDropped: bigint
}

/** What can be changed about a link that exists. */
export interface LinkChange {
  up?: boolean
  /** Takes in frames that are for others, too. */
  promiscuous?: boolean
  mtu?: number
  mac?: Mac
  /** Index of a bridge, or null to leave it. */
  master?: number | null
  /** A new name; the link must be down, or the kernel recent (6.2). */
  name?: string
  /** Moves the link there. */
  ns?: Netns
  /** Text for people and for whoever looks after the link, up to 255 bytes. */
  alias?: string
  /** false: the kernel makes up no IPv6 link-local address; must be set before the link goes up. */
  ipv6LinkLocal?: boolean
  /** Links of one number can be deleted together. 0 is what every link has from birth. */
  group?: number
  port?: { hairpin?: boolean; learning?: boolean; isolated?: boolean }
}

/** A link is named by its index where that is known, by name otherwise. */
export type LinkRef = number | string

export function setLink(link: LinkRef, change: LinkChange): Request {
  const keys = Object.keys(change).join(', ')
  return {
    op: `set ${keys} of link ${link}`,
    type: RTM_NEWLINK,
    flags: 0,
    write: (w) => {
      writeLinkHeader(w, link, change.up, change.promiscuous)
      writeCommon(w, change)
      if (change.name !== undefined) w.string(IFLA_IFNAME, change.name)
      if (change.ns !== undefined) w.u32(IFLA_NET_NS_FD, change.ns.fd)
      if (change.group !== undefined) w.u32(IFLA_GROUP, change.group)
      if (change.alias !== undefined) w.string(IFLA_IFALIAS, change.alias)
      if (change.ipv6LinkLocal === false)
        w.nest(IFLA_AF_SPEC, () => w.nest(AF_INET6, () => w.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)))
      const port = change.port
      if (port === undefined) return
      w.nest(IFLA_LINKINFO, () => {
        w.string(IFLA_INFO_SLAVE_KIND, 'bridge')
        w.nest(IFLA_INFO_SLAVE_DATA, () => {
          if (port.hairpin !== undefined) w.u8(IFLA_BRPORT_MODE, Number(port.hairpin))
          if (port.learning !== undefined) w.u8(IFLA_BRPORT_LEARNING, Number(port.learning))
          if (port.isolated !== undefined) w.u8(IFLA_BRPORT_ISOLATED, Number(port.isolated))
        })
      })
    },
  }
}

/** Deleting one end of a veth pair deletes the other. */
export function deleteLink(link: LinkRef): Request {
  return {
    op: `delete link ${link}`,
    type: RTM_DELLINK,
    flags: 0,
    write: (w) => writeLinkHeader(w, link, undefined),
    already: 'ENODEV',
  }
}

/** Deletes every link of a group, which takes hardly longer than one; ENODEV when there is none. */
export function deleteLinkGroup(group: number): Request {
  return {
    op: `delete link group ${group}`,
    type: RTM_DELLINK,
    flags: 0,
    write: (w) => {
      w.header(ifinfomsg)
      w.u32(IFLA_GROUP, group)
    },
    already: 'ENODEV',
  }
}

/** struct ifinfomsg, and the name when there is no index. */
export function writeLinkHeader(w: MessageWriter, link: LinkRef, up: boolean | undefined, promiscuous?: boolean): void {
  const header = w.header(ifinfomsg)
  header.setUint8(0, AF_UNSPEC)
  if (typeof link === 'number') header.setInt32(4, link, true)
  header.setUint32(8, (up ? IFF_UP : 0) | (promiscuous ? IFF_PROMISC : 0), true)
  // Only these are changed.
  header.setUint32(12, (up === undefined ? 0 : IFF_UP) | (promiscuous === undefined ? 0 : IFF_PROMISC), true)
  if (typeof link === 'string') w.string(IFLA_IFNAME, link)
}

/** Attributes that a link can have from birth. */
export function writeCommon(w: MessageWriter, of: { mtu?: number; mac?: Mac; master?: number | null }): void {
  if (of.mac !== undefined) w.attribute(IFLA_ADDRESS, macBytes(of.mac))
  if (of.mtu !== undefined) w.u32(IFLA_MTU, of.mtu)
  if (of.master !== undefined) w.u32(IFLA_MASTER, of.master ?? 0)
}

/** Reads RTM_NEWLINK and RTM_DELLINK; undefined for other messages. */
export function readLink(message: Message): Link | undefined {
  if (message.type !== RTM_NEWLINK && message.type !== RTM_DELLINK) return undefined
  const { header, attributes } = splitHeader(message.body, ifinfomsg)
  const flags = header.getUint32(8, true)
  const info = attributes.nested(IFLA_LINKINFO)
  const kind = info?.string(IFLA_INFO_KIND)
  const peer = kind === 'veth' ? attributes.u32(IFLA_LINK) : undefined
  const port = info?.string(IFLA_INFO_SLAVE_KIND) === 'bridge' ? info.nested(IFLA_INFO_SLAVE_DATA) : undefined
  const data = kind === 'vxlan' ? info?.nested(IFLA_INFO_DATA) : undefined
  const master = attributes.u32(IFLA_MASTER)
  return {
    index: header.getInt32(4, true),
    name: attributes.string(IFLA_IFNAME) ?? '',
    kind,
    mac: macFromBytes(attributes.bytes(IFLA_ADDRESS)),
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_LOWER_UP) !== 0,
    promiscuous: (flags & IFF_PROMISC) !== 0,
    master: master === 0 ? undefined : master,
    peer: peer ? { index: peer, nsid: attributes.i32(IFLA_LINK_NETNSID) } : undefined,
    alias: attributes.string(IFLA_IFALIAS),
    port: port && {
      hairpin: port.u8(IFLA_BRPORT_MODE) === 1,
      learning: port.u8(IFLA_BRPORT_LEARNING) === 1,
      isolated: port.u8(IFLA_BRPORT_ISOLATED) === 1,
      forwarding: port.u8(IFLA_BRPORT_STATE) === 3,
    },
    vxlan: data && readVxlan(data),
    stats: readStats(attributes.bytes(IFLA_STATS64)),
  }
}

/** struct rtnl_link_stats64: packets, bytes, errors, dropped, each rx then tx. */
function readStats(bytes: Uint8Array | undefined): LinkStats | undefined {
  if (bytes === undefined || bytes.length < 64) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = (index: number): bigint => view.getBigUint64(index * 8, true)
  return { rxPackets: at(0), txPackets: at(1), rxBytes: at(2), txBytes: at(3), rxDropped: at(6), txDropped: at(7) }
}
