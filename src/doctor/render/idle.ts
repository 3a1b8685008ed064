import type { CheckDone } from '../diagnosis.ts'
import { plural } from '../findings/finding.ts'

/**
 * Which checks did not run: how many lack what, a line each; with `verbose` their names below, and what those lack that ran in part.
 * `inLab`: whether there are agents that could send a request. With the checks that ran, however little, these are all there are.
 */
export function renderIdle(checks: readonly CheckDone[], inLab: boolean, verbose: boolean): string[] {
  const lacking = checks.filter(({ because }) => because !== undefined)
  const byLack = (those: readonly CheckDone[]): [string, CheckDone[]][] => [
    ...Map.groupBy(those, ({ because = '' }) => because),
  ]
  const names = (those: readonly CheckDone[]): string[] =>
    verbose ? those.map(({ number, title }) => `  ${String(number).padStart(2)}  ${title}`) : []
  const idle = byLack(lacking.filter(({ ran }) => !ran)).flatMap(([because, those], at) => {
    const list = at === 0 && !verbose ? '; kubehop doctor --list names all' : ''
    return [`${plural(those.length, 'more check')} ${needOf(because, those.length, inLab)}${list}`, ...names(those)]
  })
  if (!verbose) return idle
  const partly = byLack(lacking.filter(({ ran }) => ran)).flatMap(([because, those]) => [
    `${plural(those.length, 'check')} ran in part: the rest ${needOf(because, 1, inLab)}`,
    ...names(those),
  ])
  return [...idle, ...partly]
}

/** "needs agents" of one, "need agents" of several; what is no need is a sentence of its own. */
function needOf(because: string, count: number, inLab: boolean): string {
  const [, need] = /^needs (.*)$/.exec(because) ?? []
  if (need === undefined) return `${count > 1 ? 'find' : 'finds'} nothing: ${because}`
  const verb = count > 1 ? 'need' : 'needs'
  if (!need.startsWith('a request')) return `${verb} ${need}`
  return inLab ? `${verb} a request: kubehop doctor --for FROM TO` : `${verb} a request, which only a lab can send`
}
