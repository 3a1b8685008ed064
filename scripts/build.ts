// Bundles src/cli/main.ts into dist/kubehop.mjs: one file starts in a third of the time that a hundred take. The CNI plugin, which is started for
// each pod where no agent answers, has a bundle of its own, which starts in half of that; and so has the library, with the types of what it exports.
import { execFileSync } from 'node:child_process'
import { renameSync } from 'node:fs'
import { bundle } from './bundle.ts'

// The one that scripts/ready looks at is last.
await replace('src/cli/cni-main.ts', 'dist/kubehop-cni.mjs')
await replace('src/library/index.ts', 'dist/library.mjs')
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], { stdio: 'inherit' })
await replace('src/cli/main.ts', 'dist/kubehop.mjs')

async function replace(entry: string, outfile: string): Promise<void> {
  await bundle(entry, `${outfile}.new`)
  renameSync(`${outfile}.new.map`, `${outfile}.map`)
  renameSync(`${outfile}.new`, outfile)
}
