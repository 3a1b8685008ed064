import { stringify } from 'yaml'
import { check } from './check.ts'
import type { DnsConfig } from './config.ts'
import { schema } from './schema.ts'
import { type Files, type Mistake, readYaml } from './spot.ts'

export type Read =
  /** `notes`: what need not be known, such as a line that means less here than elsewhere. */
  { readonly config: DnsConfig; readonly notes?: readonly Mistake[] } | { readonly mistakes: readonly Mistake[] }

/** The configuration that a YAML text says, what it does not say as by default; or everything that is wrong with it. */
export function readConfig(text: string, files: Files): Read {
  const read = readYaml(text, files, (spot) => {
    const config = schema.read(spot)
    if (config && spot.good) for (const { path, say } of check(config)) spot.wrong(say, path)
    return config
  })
  return 'value' in read ? { config: read.value } : read
}

/** Every option, those by default too; {@link readConfig} reads it as the same configuration. */
export function printConfig(config: DnsConfig): string {
  return stringify(schema.print(config), { schema: 'failsafe', lineWidth: 0 })
}
