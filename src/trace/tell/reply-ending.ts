import type { Sighting } from '../flow/flow.ts'
import type { RuleMet } from '../observation.ts'
import type { Hop } from '../types.ts'
import { sayUnseen } from './bridge.ts'
import { errorOf } from './error.ts'
import { answerStoppedBy, isServiceRule, refuses, ruleText, stoppedAtOnce } from './rules.ts'
import { hopAt, ipOf, type Story } from './story.ts'

/** The hops of an answer with the place where it was seen last, when that is not the sender's, and the rule that was against it. */
export function withReplyEnding(story: Story, hops: readonly Hop[]): Hop[] {
  const { there, back } = story.flow
  const last = back.at(-1)
  const told = hops.at(-1)
  const asker = there[0]?.place
  if (!last) {
    const stopped = stoppedAtOnce(story)
    if (!stopped) return [...hops]
    const { at, met } = stopped
    return [stoppedHop(story, at, met, `${at.place.name} answers, and ${sayAgainst(errorOf(story, at)?.name)}`)]
  }
  if (!told || last.place.kind === 'pod') return [...hops]
  const met = answerStoppedBy(story, last)
  if (met) {
    // That it did not go on, or was for the machine itself, is what it looked like.
    const before = told.action === 'dropped' || told.action === 'delivered' ? hops.slice(0, -1) : hops
    return [...before, stoppedHop(story, last, met, sayAgainst(errorOf(story)?.name))]
  }
  const isAsker = last.place.kind === asker?.kind && last.place.name === asker.name
  // At a node that asked, its own socket has the last word: without it, rules were against what came in.
  const isError = story.flow.answer === 'unreachable'
  if (isAsker && (isError || last.local || last.device === 'lo' || last.place.kind !== 'node')) return [...hops]
  const lost = (say: string): Hop => hopAt(story, last, { component: told.component, action: 'dropped', say })
  if (told.action !== 'delivered' && told.action !== 'rejected')
    return told.action === 'dropped' ? [...hops] : [...hops, lost(sayUnseen(story, last))]
  if (told.action !== 'delivered') return [...hops]
  return [...hops.slice(0, -1), lost(`came back to ${ipOf(last).destination}, and did not go on to who asked`)]
}

/** `what`: the name of an ICMP error. */
function sayAgainst(what: string | undefined): string {
  return `a rule is against ${what === undefined ? 'this answer' : `this "${what}"`}`
}

function stoppedHop(story: Story, at: Sighting, met: RuleMet, say: string): Hop {
  return hopAt(story, at, {
    component: isServiceRule(met) ? 'proxy' : 'policy',
    action: refuses(met) ? 'rejected' : 'dropped',
    say: `${say}: ${refuses(met) ? 'refused, and who asked hears nothing of it' : 'thrown away'}`,
    because: { kind: 'rule', text: ruleText(met) },
  })
}
