import { NETLINK_ROUTE, NetlinkSocket } from '../netlink/socket.ts'
import type { Netns } from '../netns.ts'
import { whenReadable } from '../reactor.ts'
import { type LinkAddress, readAddress, RTM_DELADDR, RTM_NEWADDR } from './address.ts'
import { type FdbEntry, readFdb } from './fdb.ts'
import { type Link, readLink, RTM_DELLINK, RTM_NEWLINK } from './link.ts'
import { type Neighbour, readNeighbour, RTM_DELNEIGH, RTM_NEWNEIGH } from './neighbour.ts'
import { readRoute, type Route, RTM_DELROUTE, RTM_NEWROUTE } from './route.ts'
import type { Message } from '../netlink/reader.ts'

/** RTNLGRP_* by the kind of news. */
const groups = { link: [1], neighbour: [3], address: [5, 9], route: [7, 11] } as const
export type NewsKind = keyof typeof groups

/** One thing that happened in a network namespace. `fdb` news comes with `neighbour`. */
export type News =
  | { readonly kind: 'link'; readonly gone: boolean; readonly link: Link }
  | { readonly kind: 'address'; readonly gone: boolean; readonly address: LinkAddress }
  | { readonly kind: 'route'; readonly gone: boolean; readonly route: Route }
  | { readonly kind: 'neighbour'; readonly gone: boolean; readonly neighbour: Neighbour }
  | { readonly kind: 'fdb'; readonly gone: boolean; readonly entry: FdbEntry }

export interface FollowOptions {
  ns?: Netns
  kinds: readonly NewsKind[]
  onNews: (news: News[]) => void
  /** The kernel had to drop news: look at everything again. */
  onLost: () => void
}

/** Tells what changes in a network namespace, until the returned function is called. Subscribe first, list afterwards. */
export function followNetwork({ ns, kinds, onNews, onLost }: FollowOptions): () => void {
  const socket = new NetlinkSocket({ protocol: NETLINK_ROUTE, ns, groups: kinds.flatMap((kind) => groups[kind]) })
  const stop = whenReadable(socket.fd, () => {
    const { messages, lost } = socket.receive()
    const news = messages.map(newsOf).filter((one) => one !== undefined)
    if (news.length > 0) onNews(news)
    if (lost) onLost()
  })
  return () => {
    stop()
    socket.close()
  }
}

/** undefined for what is none of these kinds. */
export function newsOf(message: Message): News | undefined {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const link = readLink(message)
      return link && { kind: 'link', gone: message.type === RTM_DELLINK, link }
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = readAddress(message)
      return address && { kind: 'address', gone: message.type === RTM_DELADDR, address }
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = readRoute(message)
      return route && { kind: 'route', gone: message.type === RTM_DELROUTE, route }
    }
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH: {
      const gone = message.type === RTM_DELNEIGH
      const entry = readFdb(message)
      if (entry) return { kind: 'fdb', gone, entry }
      const neighbour = readNeighbour(message)
      return neighbour && { kind: 'neighbour', gone, neighbour }
    }
    default:
      return undefined
  }
}
