import type { Netns } from '../kernel/netns.ts'
import { type Nftables, openNftables } from '../kernel/nftables/socket.ts'
import { openRouteSocket, type RouteSocket } from '../kernel/rtnetlink/socket.ts'

/** Sockets of one network namespace that stay open. Whoever borrows one may close it, and it is as it was. */
export interface Lent {
  readonly nftables: Nftables
  readonly routes: RouteSocket
}

export function lendable(nftables: Nftables, routes: RouteSocket): Lent {
  return { nftables: { ...nftables, [Symbol.dispose]: () => {} }, routes: routes.borrowed() }
}

/** Lends sockets of this thread's network namespace to a synchronous body, so that its calls neither open nor close one. */
export function lending<T>(sockets: Lent, body: () => T): T {
  const before = lent
  lent = sockets
  try {
    return body()
  } finally {
    lent = before
  }
}
let lent: Lent | undefined

/** For one call, in this thread's network namespace. */
export function routesForNow(): RouteSocket {
  return lent?.routes ?? openRouteSocket()
}

/**
 * For one call: closes without making anyone wait. When something was deleted, the kernel lets the socket go only after a grace period of
 * some 10 ms.
 */
export function nftablesForNow(ns?: Netns): Nftables {
  if (ns === undefined && lent !== undefined) return lent.nftables
  const nftables = openNftables(ns)
  return { ...nftables, [Symbol.dispose]: () => void nftables.closeElsewhere() }
}
