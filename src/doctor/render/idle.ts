import type { CheckDone } from '../diagnosis.ts'
import { plural } from '../findings/finding.ts'

/**
 * Which checks did not run, or not wholly: how many lack what, a line each; with `verbose` their names below. `inLab`: whether there are
 * agents that could send a request.
 */
export function renderIdle(checks: readonly CheckDone[], inLab: boolean, verbose: boolean): string[] {
  const left = Map.groupBy(
    checks.filter(({ because }) => because !== undefined),
    ({ because = '' }) => because,
  )
  return [...left].flatMap(([because, those], at) => {
    const list = at === 0 && !verbose ? '; kubehop doctor --list names all' : ''
    return [
      `${plural(those.length, 'more check')} ${needOf(because, those.length, inLab)}${list}`,
      ...(verbose ? those.map(({ number, title }) => `  ${String(number).padStart(2)}  ${title}`) : []),
    ]
  })
}

/** "needs agents" of one, "need agents" of several; what is no need is a sentence of its own. */
function needOf(because: string, count: number, inLab: boolean): string {
  const [, need] = /^needs (.*)$/.exec(because) ?? []
  if (need === undefined) return `${count > 1 ? 'find' : 'finds'} nothing: ${because}`
  const verb = count > 1 ? 'need' : 'needs'
  if (!need.startsWith('a request')) return `${verb} ${need}`
  return inLab ? `${verb} a request: kubehop doctor --for FROM TO` : `${verb} a request, which only a lab can send`
}
