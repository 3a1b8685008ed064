import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Product } from '../cni/product.ts'

/** Of this very process: the Node that runs it; the plugin's own bundle where there is one (scripts/build.ts), or else the source or bundle that runs. */
export function ownProduct(): Product {
  const node = process.execPath
  const main = realpathSync(process.argv[1] ?? '')
  const own = join(dirname(main), 'kubehop-cni.mjs')
  return basename(main) === 'kubehop.mjs' && existsSync(own)
    ? { node, script: own, args: [] }
    : { node, script: main, args: ['cni'] }
}
