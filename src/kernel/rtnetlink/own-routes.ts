import { type Address, family } from '../../base/address.ts'
import { errnoOf, KernelError } from '../libc.ts'
import { NETLINK_ROUTE, NetlinkSocket } from '../netlink/socket.ts'
import type { Netns } from '../netns.ts'
import { RTM_NEWROUTE, readRoute } from './route.ts'
import type { RouteSocket } from './socket.ts'

const RTNLGRP_IPV6_ROUTE = 11
const local = 255

/**
 * Runs `give`, which gives a namespace these addresses, and returns when they are heard. The kernel takes an IPv6 address at once and its route, without
 * which what is sent to it is dropped, a moment later (addrconf_dad_work, net/ipv6/addrconf.c): 0 to 40 ms, more on a busy machine. IPv4 has no such moment.
 * `socket` is one of the namespace, `ns` the same where it is not this thread's. Throws a KernelError when a route does not come within seconds.
 */
export function withOwnRoutes(socket: RouteSocket, addresses: readonly Address[], give: () => void, ns?: Netns): void {
  const missing = new Set(addresses.filter((one) => family(one) === 6))
  if (missing.size === 0) return give()
  using news = new NetlinkSocket({ protocol: NETLINK_ROUTE, ns, groups: [RTNLGRP_IPV6_ROUTE], buffer: 64 * 1024 })
  give()
  // Somebody else may have given it one of them already.
  for (const { to } of socket.routes({ family: 6, table: local })) missing.delete(to.address)
  while (missing.size > 0) {
    const messages = news.next()
    if (messages === undefined)
      throw new KernelError(`hear ${[...missing].join(', ')}`, errnoOf('ETIMEDOUT'), 'no route came for it')
    for (const message of messages) {
      const route = message.type === RTM_NEWROUTE ? readRoute(message) : undefined
      if (route?.table === local) missing.delete(route.to.address)
    }
  }
}
