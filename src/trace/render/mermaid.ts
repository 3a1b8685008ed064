import { allVisible } from '../../base/visible.ts'
import type { Hop, Trace } from '../types.ts'
import { headline, outcomeOf } from './verdict.ts'
import { isNote, reasonsOf } from './why.ts'

/**
 * A trace as a sequence diagram in Mermaid's language, for pages that draw it (GitHub, GitLab, most wikis): who sent what to whom, and beneath
 * each place what it decided. An arrow with a cross ends a request that went no further.
 */
export function renderMermaid(trace: Trace): string {
  const seen = allVisible(trace)
  const { from, to, dns, hops, reply, observed, why } = seen
  const stays = staysOf(hops)
  const returns = staysOf(reply)
  const names = [...new Set([...stays, ...returns].map(({ place }) => place))]
  const ids = new Map(names.map((place, at) => [place, `p${at + 1}`]))
  const id = (place: string): string => ids.get(place) ?? 'p1'
  const { word, status } = outcomeOf(seen)
  const outcome = observed === false ? `${word} (foretold)` : headline(word, seen, status)
  const lines = [
    `title ${escaped(`${from} -> ${to}: ${outcome}`)}`,
    ...(stays.length === 0 ? [`participant p1 as ${escaped(from)}`] : []),
    ...names.map((place) => `participant ${id(place)} as ${escaped(place)}`),
    ...(dns.length === 0 ? [] : ['participant dns as DNS']),
    ...dns.flatMap(({ question, type, rcode, answers }) => [
      `${id(stays[0]?.place ?? '')}->>dns: ${escaped(`${question} ${type}?`)}`,
      `dns-->>${id(stays[0]?.place ?? '')}: ${escaped(answers.length > 0 ? answers.join(', ') : rcode)}`,
    ]),
    ...walk(stays, '->>', id),
    ...walk(returns, '-->>', id),
    ...reasonsOf(why).map(
      (one) =>
        `note over p1: ${escaped(`${seen.verdict === 'delivered' || isNote(one) ? 'note' : 'why'}: ${one.say} -> ${one.fix}`)}`,
    ),
  ]
  return ['sequenceDiagram', ...lines.map((line) => `  ${line}`), ''].join('\n')
}

interface Stay {
  readonly place: string
  readonly hops: readonly Hop[]
}

/** Hops one after another at one place. */
function staysOf(hops: readonly Hop[]): Stay[] {
  const stays: { place: string; hops: Hop[] }[] = []
  for (const hop of hops) {
    const last = stays.at(-1)
    if (last?.place === hop.place) last.hops.push(hop)
    else stays.push({ place: hop.place, hops: [hop] })
  }
  return stays
}

function walk(stays: readonly Stay[], arrow: string, id: (place: string) => string): string[] {
  return stays.flatMap(({ place, hops }, at) => {
    const next = stays[at + 1]
    const ends = next?.hops[0]?.packet
    const stopped = hops.find(({ action }) => action === 'dropped' || action === 'rejected')
    return [
      ...hops.map(({ say }) => `note over ${id(place)}: ${escaped(say)}`),
      ...(next && ends
        ? [`${id(place)}${arrow}${id(next.place)}: ${escaped(`${ends.src} > ${ends.dst} ${ends.proto}`)}`]
        : []),
      ...(!next && stopped ? [`${id(place)}-x${id(place)}: ${escaped(stopped.action)}`] : []),
    ]
  })
}

/** Mermaid ends a statement at a semicolon or a line's end, and takes `#...;` for a character's number. */
function escaped(text: string): string {
  return text
    .replaceAll('#', '#35;')
    .replaceAll(/;(?<!#35;)/g, '#59;')
    .replaceAll(/\s+/g, ' ')
}
