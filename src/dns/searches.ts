import { existsSync, readFileSync } from 'node:fs'
import { resolvConfLines } from '../base/resolv-conf.ts'
import { nameToWire } from './wire/name.ts'

/** The search domains that a node gives to its pods behind the cluster's, for which this server's own are taken: resolv.conf(5). */
export function nodeSearches(zone: string, path = '/etc/resolv.conf'): string[] {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return readSearches(text).filter((domain) => domain !== zone && !domain.endsWith(`.${zone}`))
}

/** The last line counts, of `search` and its older form `domain`. '' is the root: names as they stand. */
export function readSearches(text: string): string[] {
  const lines = resolvConfLines(text).filter(([keyword]) => keyword === 'search' || keyword === 'domain')
  const [, ...domains] = lines.at(-1) ?? []
  return domains.map((domain) => domain.toLowerCase().replace(/\.$/, '')).filter((domain) => nameToWire(domain))
}
