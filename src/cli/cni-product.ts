import { realpathSync } from 'node:fs'
import type { Product } from '../cni/product.ts'

/** What this very process runs: the source or the bundle, and the Node that runs it. */
export function ownProduct(): Product {
  return { node: process.execPath, main: realpathSync(process.argv[1] ?? '') }
}
