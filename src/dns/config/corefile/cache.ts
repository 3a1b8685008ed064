import type { CacheConfig } from '../config.ts'
import { type Block, type Draft, zoneName } from './draft.ts'
import type { Directive } from './parse.ts'

/** CoreDNS's, where nothing is said. */
const capacity = 9984
const longest = { success: 3600, denial: 1800 }
const hour = 3600

/** `cache [TTL] [ZONES...] { ... }` */
export function cache(at: Directive, draft: Draft, block: Block): void {
  const bare = /^\d+$/.test(at.args[0] ?? '')
  const ttl = bare ? draft.number(at, 'cache', at.args[0], 1, 86_400) : undefined
  const zones = bare ? at.args.slice(1) : at.args
  if (zones.some((zone) => zoneName(zone) !== ''))
    draft.refuse(
      at,
      'cache',
      `"${zones.join(' ')}" is given; allowed is no domain: all names outside the cluster are kept`,
    )
  const size = { success: capacity, denial: capacity }
  const kept = { success: ttl ?? longest.success, denial: ttl ?? longest.denial }
  let serveStale = 0
  for (const property of at.block) {
    const path = `cache ${property.name}`
    const [word, second] = property.args
    if (property.name === 'success' || property.name === 'denial') {
      size[property.name] = draft.number(property, path, word, 0, 5_000_000) ?? capacity
      if (second !== undefined) kept[property.name] = draft.number(property, path, second, 1, 86_400) ?? 0
      if (property.args.length > 2) draft.note(property, path, 'an answer is kept for its own TTL when that is shorter')
    } else if (property.name === 'disable') disable(property, draft, kept)
    else if (property.name === 'serve_stale') {
      const most = word === undefined ? hour * 1000 : draft.time(property, path, word)
      serveStale = Math.min(Math.ceil((most ?? 0) / 1000), 168 * hour)
      if (second !== 'verify')
        draft.note(property, path, 'an old answer is given when no name server answers, not before it is asked')
    } else if (property.name === 'prefetch')
      draft.note(property, path, 'answers are asked for again when they are wanted')
    else if (property.name === 'servfail') draft.note(property, path, 'failures are not kept')
    else if (property.name === 'keepttl') draft.note(property, path, 'TTLs are counted down, as resolvers expect')
    else if (property.name === 'serve_stale_policy')
      draft.note(property, path, 'the last answer counts, whatever it was')
    else draft.refuse(property, path, 'CoreDNS has no such property')
  }
  const made: CacheConfig = {
    size: size.success + size.denial,
    positive: kept.success,
    negative: kept.denial,
    serveStale,
  }
  draft.caches.push({ block, line: at.line, cache: made })
}

/** kubeadm takes the cluster's own names out; here they are never in. */
function disable(at: Directive, draft: Draft, kept: { success: number; denial: number }): void {
  const [what, ...zones] = at.args
  if (what !== 'success' && what !== 'denial')
    return draft.refuse(at, 'cache disable', `"${what ?? ''}" is given; allowed is success or denial`)
  if (zones.length === 0 || zones.some((zone) => zoneName(zone) === '')) kept[what] = 0
  else {
    const others = zones.filter((zone) => !draft.clusterZones.includes(zoneName(zone)))
    if (others.length > 0)
      draft.refuse(
        at,
        'cache disable',
        `"${others.join(' ')}" is given; allowed is the cluster's own zone, or none for all names`,
      )
  }
}

/** There is one cache: that of the server block for all names, or else the first. */
export function chooseCache(draft: Draft): void {
  const chosen = draft.caches.find(({ block }) => block.zones.includes('')) ?? draft.caches[0]
  if (!chosen) return
  draft.config.cache = chosen.cache
  for (const { line, cache: one } of draft.caches)
    if (one.positive !== chosen.cache.positive || one.negative !== chosen.cache.negative)
      draft.note(
        { line },
        'cache',
        `there is one cache for all names; line ${chosen.line} says how long answers are kept`,
      )
}
