// Bundles src/cli/main.ts into dist/kubehop.mjs: one file starts in a third of the time that a hundred take. The CNI plugin, which is started for
// each pod where no agent answers, has a bundle of its own, which starts in half of that.
import { renameSync } from 'node:fs'
import { build } from 'esbuild'

// The one that scripts/ready looks at is last.
await bundle('src/cli/cni-main.ts', 'dist/kubehop-cni.mjs')
await bundle('src/cli/main.ts', 'dist/kubehop.mjs')

async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile: `${outfile}.new`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    sourcemap: 'linked',
    legalComments: 'none',
    logLevel: 'warning',
    // koffi finds its native part relative to its own package.
    external: ['koffi'],
    loader: { '.json': 'json' },
    // CommonJS dependencies inside an ES module need a require.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  })
  renameSync(`${outfile}.new.map`, `${outfile}.map`)
  renameSync(`${outfile}.new`, outfile)
}
