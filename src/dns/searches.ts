import { existsSync, readFileSync } from 'node:fs'
import { nameToWire } from './wire/name.ts'

/** The search domains that a node gives to its pods behind the cluster's, for which this server's own are taken: resolv.conf(5). */
export function nodeSearches(zone: string, path = '/etc/resolv.conf'): string[] {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return readSearches(text).filter((domain) => domain !== zone && !domain.endsWith(`.${zone}`))
}

/** The last line counts, of `search` and its older form `domain`. '' is the root: names as they stand. */
export function readSearches(text: string): string[] {
  const [, words = ''] = [...text.matchAll(/^(?:search|domain)[ \t]+(.*)$/gm)].at(-1) ?? []
  const domains = words.trim() === '' ? [] : words.trim().split(/\s+/)
  return domains.map((domain) => domain.toLowerCase().replace(/\.$/, '')).filter((domain) => nameToWire(domain))
}
