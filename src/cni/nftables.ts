import type { Netns } from '../kernel/netns.ts'
import { type Nftables, openNftables } from '../kernel/nftables/socket.ts'

/**
 * For one call: closes without making anyone wait. When something was deleted, the kernel lets the socket go only after a grace period of
 * some 10 ms.
 */
export function nftablesForNow(ns?: Netns): Nftables {
  if (ns === undefined && kept !== undefined) return { ...kept, [Symbol.dispose]: () => {} }
  const nftables = openNftables(ns)
  return { ...nftables, [Symbol.dispose]: () => void nftables.closeElsewhere() }
}

/** Lends a socket of this thread's network namespace to a synchronous body, so that its calls neither open nor close one. */
export function keepingNftables<T>(socket: Nftables, body: () => T): T {
  const before = kept
  kept = socket
  try {
    return body()
  } finally {
    kept = before
  }
}
let kept: Nftables | undefined
