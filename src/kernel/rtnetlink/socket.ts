import { settleCarrier } from '../carrier.ts'
import { errnoName, errnoOf } from '../libc.ts'
import { NetlinkError } from '../netlink/error.ts'
import { NETLINK_ROUTE, NetlinkSocket, NLM_F_ACK, NLM_F_ECHO, NLM_F_REQUEST } from '../netlink/socket.ts'
import type { Message } from '../netlink/reader.ts'
import { MessageWriter } from '../netlink/writer.ts'
import type { Netns } from '../netns.ts'
import { ifaddrmsg, type LinkAddress, readAddress, RTM_GETADDR } from './address.ts'
import { type FdbEntry, readFdb } from './fdb.ts'
import { IFLA_EXT_MASK, ifinfomsg, type Link, type LinkRef, readLink, RTM_GETLINK, writeLinkHeader } from './link.ts'
import { type LinkBrief, readLinkBrief } from './link-brief.ts'
import { NDA_MASTER, ndmsg, type Neighbour, readNeighbour, RTM_GETNEIGH } from './neighbour.ts'
import { type Qdisc, readQdisc, RTM_GETQDISC, ingressHandle, tcmsg } from './qdisc.ts'
import { readRedirect, RTM_GETTFILTER } from './redirect.ts'
import { AF_BRIDGE, AF_INET, AF_INET6, familyOf, type Request } from './request.ts'
import {
  readRoute,
  readRouteLookup,
  type Route,
  type RouteLookup,
  RT_TABLE_MAIN,
  RTM_GETROUTE,
  rtmsg,
  writeRouteLookup,
} from './route.ts'

const RTEXT_FILTER_SKIP_STATS = 8
const ENODEV = errnoOf('ENODEV')
const RTA_TABLE = 15
const RTA_OIF = 4

/** Links, addresses, routes, neighbours and bridge tables of one network namespace, over one rtnetlink socket. */
export function openRouteSocket(ns?: Netns): RouteSocket {
  return new RouteSocket(new NetlinkSocket({ protocol: NETLINK_ROUTE, ns, strict: true, buffer: 1024 * 1024 }))
}

export class RouteSocket implements Disposable {
  readonly #socket: NetlinkSocket
  readonly #writer = new MessageWriter()
  readonly #owned: boolean

  constructor(socket: NetlinkSocket, owned = true) {
    this.#socket = socket
    this.#owned = owned
  }

  /** The same socket, for somebody whose closing does not close it. */
  borrowed(): RouteSocket {
    return new RouteSocket(this.#socket, false)
  }

  /**
   * Carries out all requests in order, in one system call, and throws the first failure. The kernel does not stop at a failure:
   * a caller that wants nothing left undoes what it asked for.
   */
  apply(...requests: Request[]): void {
    for (const error of this.tryApply(requests)) if (error) throw error
  }

  /** The same, where "it is already so" (`Request.already`) is no failure. */
  ensure(...requests: Request[]): void {
    for (const [index, error] of this.tryApply(requests).entries())
      if (error && error.code !== requests[index]?.already) throw error
  }

  /** The same as {@link apply}, with each request's failure in its place. */
  tryApply(requests: readonly Request[]): (NetlinkError | undefined)[] {
    return this.#batch(requests, 0).results
  }

  /** Makes one link. What it is like comes with the answer (Linux 6.2), or is undefined. */
  tryMake(request: Request): { error: NetlinkError | undefined; link: Link | undefined } {
    const { results, messages } = this.#batch([request], NLM_F_ECHO)
    return { error: results[0], link: messages.map(readLink).find((link) => link !== undefined) }
  }

  #batch(
    requests: readonly Request[],
    flags: number,
  ): { results: (NetlinkError | undefined)[]; messages: readonly Message[] } {
    if (requests.length === 0) return { results: [], messages: [] }
    const writer = this.#writer
    writer.clear()
    for (const request of requests)
      writer.message(request.type, request.flags | flags | NLM_F_REQUEST | NLM_F_ACK, request.write)
    const results = new Array<NetlinkError | undefined>(requests.length).fill(undefined)
    const { errors, messages } = this.#socket.batch('rtnetlink', writer)
    for (const { index, ack } of errors) {
      const op = requests[index]?.op ?? 'rtnetlink'
      results[index] = new NetlinkError(op, ack.errno, sayMore(op, ack.errno, ack.say), ack.offset)
    }
    return { results, messages }
  }

  /**
   * One request that takes long (`deleteLinkGroup`), off the main thread; "already so" is no failure. The socket must not be used
   * otherwise meanwhile.
   */
  async ensureLater({ op, type, flags, write, already }: Request): Promise<void> {
    try {
      await this.#socket.requestLater(op, type, flags, write)
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== already) throw error
    }
  }

  /** Every link, or the ports of one bridge (by its index). */
  links(filter: { master?: number; stats?: boolean } = {}): Link[] {
    const links = this.#socket.dump(
      'list links',
      RTM_GETLINK,
      (w) => {
        w.header(ifinfomsg)
        if (filter.master !== undefined) w.u32(10, filter.master)
        if (!filter.stats) w.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
      },
      readLink,
    )
    return filter.master === undefined ? links : links.filter((link) => link.master === filter.master)
  }

  /** Every link, the little that most questions are about. */
  briefLinks(): LinkBrief[] {
    return this.#socket.dump(
      'list links',
      RTM_GETLINK,
      (w) => {
        w.header(ifinfomsg)
        w.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
      },
      readLinkBrief,
    )
  }

  /** undefined when there is no such link. */
  link(ref: LinkRef, options: { stats?: boolean } = {}): Link | undefined {
    try {
      const messages = this.#socket.request(`get link ${ref}`, RTM_GETLINK, 0, (w) => {
        writeLinkHeader(w, ref, undefined)
        if (!options.stats) w.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
      })
      return messages.map(readLink).find((link) => link !== undefined)
    } catch (error) {
      if (error instanceof NetlinkError && error.errno === ENODEV) return undefined
      throw error
    }
  }

  /** Finishes what a cable that was just plugged in sets going; see {@link settleCarrier}. */
  settle(device: string): boolean {
    return settleCarrier(this.#socket.fd, device)
  }

  /** Of every link, or of one (by its index). */
  addresses(index?: number): LinkAddress[] {
    return this.#socket.dump(
      'list addresses',
      RTM_GETADDR,
      (w) => {
        const header = w.header(ifaddrmsg)
        if (index !== undefined) header.setUint32(4, index, true)
      },
      readAddress,
    )
  }

  /** The main table, or another; `protocol` picks the routes that one program made (rtm_protocol). */
  routes(filter: { family?: 4 | 6; table?: number; protocol?: number; index?: number } = {}): Route[] {
    const families = filter.family === undefined ? [AF_INET, AF_INET6] : [familyOf(filter.family)]
    const table = filter.table ?? RT_TABLE_MAIN
    return families.flatMap((family) =>
      this.#socket.dump(
        'list routes',
        RTM_GETROUTE,
        (w) => {
          const header = w.header(rtmsg)
          header.setUint8(0, family)
          header.setUint8(4, table < 256 ? table : 0)
          if (filter.protocol !== undefined) header.setUint8(5, filter.protocol)
          w.u32(RTA_TABLE, table)
          if (filter.index !== undefined) w.u32(RTA_OIF, filter.index)
        },
        readRoute,
      ),
    )
  }

  /** Which way the kernel would send this packet; undefined when there is no way. */
  routeTo(lookup: RouteLookup): Route | undefined {
    try {
      const messages = this.#socket.request(`look up the way to ${lookup.to}`, RTM_GETROUTE, 0, (w) =>
        writeRouteLookup(w, lookup),
      )
      return messages.map(readRouteLookup).find((route) => route !== undefined)
    } catch (error) {
      if (error instanceof NetlinkError && noWay.has(error.errno)) return undefined
      throw error
    }
  }

  /** The ARP and NDP tables, of every link or of one (by its index). */
  neighbours(index?: number): Neighbour[] {
    return this.#socket.dump(
      'list neighbours',
      RTM_GETNEIGH,
      (w) => {
        w.header(ndmsg)
        if (index !== undefined) w.u32(8, index)
      },
      readNeighbour,
    )
  }

  /** A bridge's table (by the bridge's index), one port's, a VXLAN device's, or all there are. */
  fdb(filter: { bridge?: number; port?: number } = {}): FdbEntry[] {
    return this.#socket.dump(
      'list bridge tables',
      RTM_GETNEIGH,
      (w) => {
        const header = w.header(ndmsg)
        header.setUint8(0, AF_BRIDGE)
        if (filter.port !== undefined) header.setInt32(4, filter.port, true)
        if (filter.bridge !== undefined) w.u32(NDA_MASTER, filter.bridge)
      },
      readFdb,
    )
  }

  /** What packets of a link (by its index) wait in. */
  qdiscs(index: number): Qdisc[] {
    const all = this.#socket.dump(
      'list qdiscs',
      RTM_GETQDISC,
      (w) => w.header(tcmsg).setInt32(4, index, true),
      readQdisc,
    )
    // Kernels before 4.20 tell of all links.
    return all.filter((qdisc) => qdisc.index === index)
  }

  /** Indexes of the links that what comes in by a link is sent out by instead. The link has an ingress qdisc. */
  redirects(index: number): number[] {
    return this.#socket.dump(
      'list redirections',
      RTM_GETTFILTER,
      (w) => {
        const header = w.header(tcmsg)
        header.setInt32(4, index, true)
        header.setUint32(12, ingressHandle, true)
      },
      readRedirect,
    )
  }

  /** Idempotent. */
  close(): void {
    if (this.#owned) this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const noWay = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL'].map(errnoOf))

/** A missing kernel part is named with the way to get it. */
function sayMore(op: string, errno: number, say: string | undefined): string | undefined {
  const kind = /^add (bridge|veth|vxlan|ifb) /.exec(op)?.[1]
  if (kind === undefined || errnoName(errno) !== 'EOPNOTSUPP') return say
  return `the kernel has no ${kind} devices: modprobe ${kind} (CONFIG_${kind.toUpperCase()})`
}
