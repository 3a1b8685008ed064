import type { Target } from '../ask/target.ts'
import type { Explain } from '../case.ts'
import { notesOf } from '../notes.ts'
import { lookUpMs, type Trace, unanswered, type Why } from '../types.ts'
import type { Story } from './story.ts'
import type { Told } from './tell.ts'

/** Nothing was sent, because the name has no address. That agrees with the objects when the questions and their answers do. */
export function nameless(
  told: Told,
  story: Story,
  common: Pick<Trace, 'from' | 'to' | 'protocol' | 'dns' | 'predictedDns'>,
  explain: Explain,
): Trace {
  const { differs } = told.questions ?? {}
  const nothing = { ms: round(lookUpMs(told.dns)), hops: [], reply: [], predicted: [], agrees: differs === undefined }
  if (told.late !== undefined) {
    const why = [timeRanOut(told, told.late), ...disagreement(differs)]
    return { ...common, verdict: 'no-answer', ...nothing, why }
  }
  const verdict = 'name-not-found'
  const found = explain({ ...told, story, verdict, hops: [] })
  return { ...common, verdict, ...nothing, why: [...notesOf(told, verdict), ...found, ...disagreement(differs)] }
}

/** Nobody said that the name has no address. */
function timeRanOut({ target, dns }: Told, ms: number): Why {
  const name = nameIn(target)
  const last = dns.at(-1)
  const open = last && unanswered(last) ? `: ${last.server} did not answer a question about ${last.question}` : ''
  const asked = last === undefined ? 'before anybody was asked' : `before the name servers had said all${open}`
  const say = `time ran out (${ms / 1000} s) ${asked}: whether "${name}" has an address is not known`
  return { code: 'TimeRanOut', level: 'error', say, fix: 'give it more time, for example --timeout 10 (seconds)' }
}

/** The name that was to be looked up. */
export function nameIn({ host, text }: Target): string {
  return host.kind === 'name' ? host.name : text
}

export function disagreement(differs: string | undefined): Why[] {
  if (differs === undefined) return []
  const fix = 'one of the two is wrong: please report it with the output of -o json'
  return [{ code: 'Disagree', level: 'warning', say: differs, fix }]
}

export function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
