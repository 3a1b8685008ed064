// Bundles src/cli/main.ts into dist/main.mjs, which dist/kubehop.mjs starts: one file starts in a third of the time that a hundred take. The CNI plugin, which is
// started for each pod where no agent answers, has a bundle of its own, which starts in half of that; and so has the library, with the types of what it exports.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from './bundle.ts'

// The one that scripts/ready looks at is last.
await replace('src/cli/cni-main.ts', 'dist/kubehop-cni.mjs')
await replace('src/library/index.ts', 'dist/library.mjs')
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], { stdio: 'inherit' })
await replace('src/cli/main.ts', 'dist/main.mjs')
await replace('src/cli/start.ts', 'dist/kubehop.mjs')
compile('dist/kubehop.mjs', 'dist/cache')

async function replace(entry: string, outfile: string): Promise<void> {
  await bundle(entry, `${outfile}.new`)
  renameSync(`${outfile}.new.map`, `${outfile}.map`)
  renameSync(`${outfile}.new`, outfile)
}

/** Starts it once, as far as an agent without its options comes, so that what V8 makes of it on the way is there for all starts, and for all users. */
function compile(entry: string, cache: string): void {
  rmSync(cache, { recursive: true, force: true })
  spawnSync(process.execPath, [entry, 'node'], { stdio: 'ignore' })
  // Where Node could not keep anything, it starts without.
  if (!existsSync(cache)) return
  for (const each of readdirSync(cache, { recursive: true, withFileTypes: true }))
    chmodSync(join(each.parentPath, each.name), each.isDirectory() ? 0o755 : 0o644)
}
