import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { KubehopError, messageOf } from '../../base/errors.ts'
import { check } from './check.ts'
import type { DnsConfig } from './config.ts'
import type { Outside } from './corefile/draft.ts'
import { translateCorefile } from './corefile/translate.ts'
import { type Read, readConfig } from './file.ts'
import { type Mistake, printMistakes } from './spot.ts'

/** Where a configuration comes from. */
export interface Source {
  readonly path: string
  readonly format: 'yaml' | 'corefile'
  /** What the command line says besides, which counts more. */
  readonly override: (config: DnsConfig) => DnsConfig
}

export interface Loaded {
  readonly config: DnsConfig
  /** What is true but need not be known: a line of a Corefile that means nothing here. */
  readonly notes: readonly Mistake[]
}

/** The machine's own, as seen from the folder of a configuration. */
const machine = (folder: string): Outside => ({
  read: (path) => readFileSync(path, 'utf8'),
  glob: (pattern) => globSync(pattern, { cwd: folder }),
  env: (name) => process.env[name],
  get ipv6() {
    return existsSync('/proc/net/if_inet6')
  },
})

/** Throws a KubehopError `Invalid` that lists every mistake in a line of its own, as `FILE:LINE: OPTION: what is wrong`. */
export function load({ path, format, override }: Source, text: string): Loaded {
  const outside = machine(dirname(path))
  const read: Read = format === 'yaml' ? readConfig(text, outside) : translateCorefile(text, outside)
  if ('mistakes' in read) throw invalid(printMistakes(path, read.mistakes))
  const config = override(read.config)
  const clashes = check(config).map((one) => `${path} with the options of the command line: ${one.path}: ${one.say}`)
  if (clashes.length > 0) throw invalid(clashes.join('\n'))
  return { config, notes: read.notes ?? [] }
}

export function readSource(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(`${path}: it cannot be read: ${messageOf(error)}`)
  }
}

function invalid(say: string): KubehopError {
  return new KubehopError('dns', 'configuration', 'Invalid', say)
}
