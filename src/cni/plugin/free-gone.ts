import type { Lease } from '../lease.ts'
import { dropEmpty } from './del.ts'
import { keepOnlyExtras } from './extras.ts'
import { networksIn, openBook } from './leases.ts'
import { readProofs, reclaim } from './reclaim.ts'

/**
 * Frees what pods had that are gone for certain, of all networks, and returns their addresses: for whoever starts when the machine does. Runtimes
 * that never call GC (containerd 1.6) would otherwise lose it. To be called in turn.
 */
export function freeGone(dataDir: string): Lease[] {
  const freed = reclaim(dataDir)
  const { cables } = readProofs()
  for (const network of networksIn(dataDir)) {
    if (cables !== undefined) keepOnlyExtras(network, cables)
    dropEmpty(dataDir, openBook(dataDir, network), network)
  }
  return freed
}
