// Bundles src/cli/main.ts into dist/main.mjs and its pieces, which dist/kubehop.mjs starts: a few files start in a third of the time that hundreds take. The CNI plugin, which is
// started for each pod where no agent answers, has a bundle of its own, which starts in half of that; and so has the library, with the types of what it exports.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { bundle, bundleForOthers, bundleInPieces } from './bundle.ts'

// The one that scripts/ready looks at is last.
await replace('src/cli/cni-main.ts', 'dist/kubehop-cni.mjs')
await replace('src/library/index.ts', 'dist/library.mjs', bundleForOthers)
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], { stdio: 'inherit' })
await pieces('src/cli/main.ts', 'dist/main.mjs')
await replace('src/cli/start.ts', 'dist/kubehop.mjs')
compile('dist/kubehop.mjs', 'dist/cache')

async function replace(entry: string, outfile: string, make = bundle): Promise<void> {
  await make(entry, `${outfile}.new`)
  renameSync(`${outfile}.new.map`, `${outfile}.map`)
  renameSync(`${outfile}.new`, outfile)
}

/**
 * Processes start while this goes on: no file is half there, and what the entry names is there before it. A lab that runs may still load a piece of the
 * build that it was started from, so old ones stay for a week.
 */
async function pieces(entry: string, outfile: string): Promise<void> {
  const folder = 'dist/chunks'
  mkdirSync(folder, { recursive: true })
  const files = await bundleInPieces(entry, outfile)
  const isPiece = (path: string): boolean => dirname(path) === resolve(folder)
  const inOrder = [...files.filter(({ path }) => isPiece(path)), ...files.filter(({ path }) => !isPiece(path))]
  for (const { path, contents } of inOrder) {
    if (isPiece(path) && existsSync(path)) continue
    writeFileSync(`${path}.new`, contents)
    renameSync(`${path}.new`, path)
  }
  const made = new Set(files.map(({ path }) => path))
  const weekAgo = Date.now() - 7 * 24 * 3600 * 1000
  for (const name of readdirSync(folder)) {
    const path = resolve(folder, name)
    if (!made.has(path) && statSync(path).mtimeMs < weekAgo) rmSync(path)
  }
}

/** Starts it once, as far as an agent without its options comes, so that what V8 makes of it on the way is there for all starts, and for all users. */
function compile(entry: string, cache: string): void {
  rmSync(cache, { recursive: true, force: true })
  // With this variable Node would keep it elsewhere: tests set it.
  const { NODE_COMPILE_CACHE: _, ...env } = process.env
  spawnSync(process.execPath, [entry, 'node'], { stdio: 'ignore', env })
  // Where Node could not keep anything, it starts without.
  if (!existsSync(cache)) return
  for (const each of readdirSync(cache, { recursive: true, withFileTypes: true }))
    chmodSync(join(each.parentPath, each.name), each.isDirectory() ? 0o755 : 0o644)
}
