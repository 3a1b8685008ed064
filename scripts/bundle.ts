import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type BuildOptions, type OutputFile } from 'esbuild'
import { builtins } from './builtins.ts'

/** One file that starts in a third of the time, or less, that its many sources take. koffi stays outside: Node has to find it from where `outfile` lies. */
export async function bundle(entry: string, outfile: string): Promise<void> {
  await build({ ...options, entryPoints: [entry], outfile })
}

/** The same for programs of others, which run on their Node: 20.16 or newer. */
export async function bundleForOthers(entry: string, outfile: string): Promise<void> {
  await build({
    ...options,
    entryPoints: [entry],
    outfile,
    target: 'node20.16',
    inject: [fileURLToPath(import.meta.resolve('./older-node.ts'))],
    define: { 'Map.groupBy': 'groupBy', 'Promise.withResolvers': 'withResolvers' },
  })
}

/** The same in pieces, beside it in chunks/: what a process does not need it neither reads nor keeps. Pieces are named by their content. Nothing is written yet. */
export async function bundleInPieces(entry: string, outfile: string): Promise<OutputFile[]> {
  const { outputFiles } = await build({
    ...options,
    entryPoints: [{ in: entry, out: basename(outfile, '.mjs') }],
    outdir: dirname(outfile),
    splitting: true,
    chunkNames: 'chunks/[hash]',
    outExtension: { '.js': '.mjs' },
    write: false,
  })
  return outputFiles
}

const options: BuildOptions = {
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
  plugins: [builtins],
  // CommonJS dependencies inside an ES module need a require.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
}
