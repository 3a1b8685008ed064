import type { Netns } from '../../src/kernel/netns.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'

/** In a fresh network namespace nothing can be reached, not even oneself. */
export function loopbackUp(ns?: Netns): void {
  using socket = openRouteSocket(ns)
  socket.apply(setLink('lo', { up: true }))
}
