import { didYouMean } from '../../../base/nearest.ts'
import { check } from '../check.ts'
import type { Read } from '../file.ts'
import type { Mistake } from '../spot.ts'
import { chooseCache } from './cache.ts'
import { type Block, Draft, type Outside, within, zoneName } from './draft.ts'
import { listenAt, readKey, type Server } from './listen.ts'
import { type Directive, parseCorefile, type ServerBlock } from './parse.ts'
import { importLine, plugins } from './plugins.ts'

/** A CoreDNS configuration as one of this server: what it says that clients would see is in force, or refused by its line. */
export function translateCorefile(text: string, outside: Outside): Read {
  const { blocks, mistakes } = parseCorefile(text, (name) => outside.env(name))
  if (mistakes.length > 0) return { mistakes }
  const draft = new Draft(outside, clusterZones(blocks))
  const servers = blocks.flatMap((block) => serverOf(block, draft))
  listenAt(servers, draft)
  for (const { block } of servers) translateBlock(block, draft)
  chooseCache(draft)
  putNames(draft)
  if (!draft.cluster)
    draft.refuse(
      { line: blocks[0]?.line ?? 1 },
      '',
      'no server block has the plugin kubernetes; add kubernetes cluster.local in-addr.arpa ip6.arpa',
    )
  if (draft.mistakes.length === 0)
    for (const { path, say } of check(draft.config)) draft.refuse({ line: blocks[0]?.line ?? 1 }, path, say)
  if (draft.mistakes.length > 0) return { mistakes: draft.mistakes.toSorted(byLine) }
  return { config: draft.config, notes: draft.notes.toSorted(byLine) }
}

function serverOf({ keys, line, directives }: ServerBlock, draft: Draft): Server[] {
  const [first = ''] = keys
  if (first === 'import') importLine({ name: 'import', args: keys.slice(1), line, block: [] }, draft)
  else if (/^\(.*\)$/.test(first))
    draft.refuse({ line }, first, 'snippets are not supported; copy its lines to where they are imported')
  else {
    const read = keys.map((key) => readKey(key, line, draft)).filter((key) => key !== undefined)
    return [{ line, ports: read.map(({ port }) => port), block: { zones: read.map(({ zone }) => zone), directives } }]
  }
  return []
}

/** Lines of these add up; what is there for once is refused when it comes again, as CoreDNS does. */
const several: ReadonlySet<string> = new Set(['forward', 'log', 'bind', 'import', 'kubernetes'])

function translateBlock(block: Block, draft: Draft): void {
  const seen = new Map<string, number>()
  for (const at of block.directives) {
    const before = seen.get(at.name)
    if (before === undefined || several.has(at.name)) translate(at, draft, block)
    else draft.refuse(at, at.name, `line ${before} has it already; allowed is one in a server block`)
    seen.set(at.name, before ?? at.line)
  }
}

function translate(at: Directive, draft: Draft, block: Block): void {
  const plugin = Object.hasOwn(plugins, at.name) ? plugins[at.name] : undefined
  if (plugin) return plugin.translate(at, draft, block)
  const like = didYouMean(at.name, Object.keys(plugins))
  draft.refuse(at, at.name, `CoreDNS has no such plugin${like === '' ? '' : `; ${like}`}`)
}

function clusterZones(blocks: readonly ServerBlock[]): string[] {
  return blocks.flatMap(({ keys, directives }) =>
    directives
      .filter(({ name }) => name === 'kubernetes')
      .flatMap(({ args }) => (args.length > 0 ? args : keys.map((key) => key.replace(/:\d+$/, ''))).map(zoneName)),
  )
}

function putNames(draft: Draft): void {
  const seen = new Set<string>()
  for (const { domain, line } of draft.stubs) {
    if (within(domain, draft.config.zone))
      draft.refuse(
        { line },
        'forward',
        `names of ${draft.config.zone} are known here and asked nowhere else; take the line out`,
      )
    if (seen.has(domain)) draft.refuse({ line }, 'forward', `there is a forward for ${domain} already; allowed is one`)
    seen.add(domain)
  }
  for (const { names, line } of draft.entries)
    for (const name of names)
      if (within(name, draft.config.zone))
        draft.refuse(
          { line },
          'hosts',
          `"${name}" is given; names of ${draft.config.zone} are those of the cluster's objects, make a Service of it`,
        )
  draft.config.stub = draft.stubs.map(({ domain, forward }) => ({ domain, forward }))
}

function byLine(a: Mistake, b: Mistake): number {
  return a.line - b.line
}
