import { type Address, addressBytes, addressFromBytes, type Cidr, family, formatCidr } from '../../base/address.ts'
import { type Attributes, type Message, splitHeader } from '../netlink/reader.ts'
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/socket.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { familyOf, type Request } from './request.ts'

// linux/rtnetlink.h
export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26
export const rtmsg = 12
export const RT_TABLE_MAIN = 254
const RTPROT_STATIC = 4
const RT_SCOPE_UNIVERSE = 0
const RT_SCOPE_LINK = 253
const RTM_F_CLONED = 0x200
const RTNH_F_ONLINK = 4
const RTA_DST = 1
const RTA_SRC = 2
const RTA_IIF = 3
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PRIORITY = 6
const RTA_PREFSRC = 7
const RTA_METRICS = 8
const RTA_TABLE = 15
const RTA_MARK = 16
const RTAX_MTU = 2
const RTAX_ADVMSS = 8

/** rtm_type, as the kernel numbers it. */
const kinds = [
  'unspecified',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'nat',
] as const
export type RouteKind = (typeof kinds)[number]

/** One entry of a routing table. */
export interface Route {
  readonly to: Cidr
  /** Default `unicast`. */
  readonly kind?: RouteKind
  /** The next machine; without it, the destination is on the link itself. */
  readonly via?: Address
  /** Index of the link; the kernel finds it when a gateway is given. */
  readonly index?: number
  /** rtm_protocol: who made it. Default RTPROT_STATIC. */
  readonly protocol?: number
  /** Default: the main table. */
  readonly table?: number
  /** Lower is tried first. */
  readonly priority?: number
  /** The sender's address that this machine uses for the destination. */
  readonly source?: Address
  /** The gateway counts as on the link, though no range says so. */
  readonly onlink?: boolean
  /** Bytes of a packet that takes this way; default: the link's. */
  readonly mtu?: number
  /** Bytes of a TCP segment that the other side is told. */
  readonly advmss?: number
  /** rtm_scope of a new route (0 anywhere, 253 on the link, 254 this machine). Default: by gateway. IPv6 has none; never read back. */
  readonly scope?: number
}

/** EEXIST when the table has one for this destination and priority. */
export function addRoute(route: Route): Request {
  return { ...routeRequest('add', RTM_NEWROUTE, route), flags: NLM_F_CREATE | NLM_F_EXCL, already: 'EEXIST' }
}

/** Makes the route behind those with its destination and priority and another gateway; EEXIST when one has the same. IPv6 takes them by turns. */
export function appendRoute(route: Route): Request {
  return { ...routeRequest('add', RTM_NEWROUTE, route), flags: NLM_F_CREATE | NLM_F_APPEND, already: 'EEXIST' }
}

/** Makes the route, in place of one for the same destination and priority. */
export function replaceRoute(route: Route): Request {
  return { ...routeRequest('replace', RTM_NEWROUTE, route), flags: NLM_F_CREATE | NLM_F_REPLACE }
}

/** Deletes the first route that matches in everything given (the protocol too); ESRCH when there is none. */
export function deleteRoute(route: Route): Request {
  return { ...routeRequest('delete', RTM_DELROUTE, route), already: 'ESRCH' }
}

export function formatRoute(route: Route): string {
  const via = route.via === undefined ? '' : ` via ${route.via}`
  return `${formatCidr(route.to)}${via}${route.index === undefined ? '' : ` on link ${route.index}`}`
}

/** Reads RTM_NEWROUTE and RTM_DELROUTE; undefined for other messages, and for entries of the route cache in a dump. */
export function readRoute(message: Message): Route | undefined {
  if (message.type !== RTM_NEWROUTE && message.type !== RTM_DELROUTE) return undefined
  const { header, attributes } = splitHeader(message.body, rtmsg)
  if (header.getUint32(8, true) & RTM_F_CLONED) return undefined
  return routeOf(header, attributes)
}

/** The answer to "which way would this packet go?"; `to` is the asked address itself. */
export function readRouteLookup(message: Message): Route | undefined {
  if (message.type !== RTM_NEWROUTE) return undefined
  const { header, attributes } = splitHeader(message.body, rtmsg)
  return routeOf(header, attributes)
}

export interface RouteLookup {
  to: Address
  from?: Address
  /** Index of the link it came in by: asks for the way of a forwarded packet. */
  incoming?: number
  mark?: number
  /** Answers with the table's entry (its range), not with the single address. */
  entry?: boolean
}

const RTM_F_FIB_MATCH = 0x2000
const RTM_F_LOOKUP_TABLE = 0x1000

export function writeRouteLookup(w: MessageWriter, lookup: RouteLookup): void {
  const bits = family(lookup.to) === 4 ? 32 : 128
  const header = w.header(rtmsg)
  header.setUint8(0, familyOf(family(lookup.to)))
  header.setUint8(1, bits)
  if (lookup.from !== undefined) header.setUint8(2, bits)
  header.setUint32(8, RTM_F_LOOKUP_TABLE | (lookup.entry ? RTM_F_FIB_MATCH : 0), true)
  w.attribute(RTA_DST, addressBytes(lookup.to))
  if (lookup.from !== undefined) w.attribute(RTA_SRC, addressBytes(lookup.from))
  if (lookup.incoming !== undefined) w.u32(RTA_IIF, lookup.incoming)
  if (lookup.mark !== undefined) w.u32(RTA_MARK, lookup.mark)
}

function routeRequest(verb: string, type: number, route: Route): Request {
  return { op: `${verb} route ${formatRoute(route)}`, type, flags: 0, write: (w) => writeRoute(w, route, type) }
}

function writeRoute(w: MessageWriter, route: Route, type: number): void {
  const table = route.table ?? RT_TABLE_MAIN
  const kind = kinds.indexOf(route.kind ?? 'unicast')
  // For a deletion, the widest scope and protocol 0 match any; for a new route the kernel insists on the right scope.
  const deleting = type === RTM_DELROUTE
  const scope =
    route.scope ??
    ((route.kind === undefined || route.kind === 'unicast') && !route.via ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE)
  const header = w.header(rtmsg)
  header.setUint8(0, familyOf(route.to.family))
  header.setUint8(1, route.to.prefix)
  header.setUint8(4, table < 256 ? table : 0)
  header.setUint8(5, route.protocol ?? (deleting ? 0 : RTPROT_STATIC))
  header.setUint8(6, deleting ? RT_SCOPE_NOWHERE : scope)
  header.setUint8(7, deleting && route.kind === undefined ? 0 : kind)
  header.setUint32(8, route.onlink ? RTNH_F_ONLINK : 0, true)
  if (table >= 256) w.u32(RTA_TABLE, table)
  if (route.to.prefix > 0) w.attribute(RTA_DST, addressBytes(route.to.address))
  if (route.via !== undefined) w.attribute(RTA_GATEWAY, addressBytes(route.via))
  if (route.index !== undefined) w.u32(RTA_OIF, route.index)
  if (route.priority !== undefined) w.u32(RTA_PRIORITY, route.priority)
  if (route.source !== undefined) w.attribute(RTA_PREFSRC, addressBytes(route.source))
  const { mtu, advmss } = route
  if (mtu === undefined && advmss === undefined) return
  w.nest(RTA_METRICS, () => {
    if (mtu !== undefined) w.u32(RTAX_MTU, mtu)
    if (advmss !== undefined) w.u32(RTAX_ADVMSS, advmss)
  })
}

const RT_SCOPE_NOWHERE = 255

function routeOf(header: DataView, attributes: Attributes): Route {
  const of = header.getUint8(0) === 2 ? 4 : 6
  const zero = addressFromBytes(new Uint8Array(of === 4 ? 4 : 16))
  const via = addressIn(attributes, RTA_GATEWAY)
  const index = attributes.u32(RTA_OIF)
  const priority = attributes.u32(RTA_PRIORITY)
  const source = addressIn(attributes, RTA_PREFSRC)
  const metrics = attributes.nested(RTA_METRICS)
  const mtu = metrics?.u32(RTAX_MTU)
  const advmss = metrics?.u32(RTAX_ADVMSS)
  return {
    to: { family: of, address: addressIn(attributes, RTA_DST) ?? zero, prefix: header.getUint8(1) },
    kind: kinds[header.getUint8(7)] ?? 'unspecified',
    protocol: header.getUint8(5),
    table: attributes.u32(RTA_TABLE) ?? header.getUint8(4),
    ...(via !== undefined && { via }),
    ...(index !== undefined && { index }),
    ...(priority !== undefined && { priority }),
    ...(source !== undefined && { source }),
    ...((header.getUint32(8, true) & RTNH_F_ONLINK) !== 0 && { onlink: true }),
    ...(mtu !== undefined && { mtu }),
    ...(advmss !== undefined && { advmss }),
  }
}

function addressIn(attributes: Attributes, type: number): Address | undefined {
  const bytes = attributes.bytes(type)
  return bytes?.length === 4 || bytes?.length === 16 ? addressFromBytes(bytes) : undefined
}
