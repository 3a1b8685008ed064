import type { Netns } from '../kernel/netns.ts'
import { type Nftables, openNftables } from '../kernel/nftables/socket.ts'

/**
 * For one call: closes without making anyone wait. When something was deleted, the kernel lets the socket go only after a grace period of
 * some 10 ms.
 */
export function nftablesForNow(ns?: Netns): Nftables {
  const nftables = openNftables(ns)
  return { ...nftables, [Symbol.dispose]: () => void nftables.closeElsewhere() }
}
