import { flags, type Message } from '../../../src/dns/wire/message.ts'
import { type Asked, askAll } from './ask.ts'
import { saidBy } from './compare.ts'

/** Two servers that have the same configuration, as ports of 127.0.0.1. */
export interface Pair {
  readonly theirs: number
  readonly ours: number
}

/** What two servers say to one question. */
export interface Both {
  readonly theirs: Message
  readonly ours: Message
  /** What we said over UDP where something did not fit, with us or with them: the other two are answers over TCP then. */
  readonly cut?: Message
}

/** As a resolver does it: what did not fit over UDP is asked again over TCP. */
export async function askBoth({ theirs, ours }: Pair, questions: readonly Asked[]): Promise<Both[]> {
  const first = await Promise.all([askAll(theirs, questions), askAll(ours, questions)])
  const again = questions.flatMap((_, at) =>
    first.some((answers) => answers[at] && answers[at].flags & flags.TC) ? [at] : [],
  )
  const overTcp = again.flatMap((at) => (questions[at] ? [{ ...questions[at], transport: 'tcp' as const }] : []))
  const second = await Promise.all([askAll(theirs, overTcp), askAll(ours, overTcp)])
  return questions.map((_, at) => {
    const place = again.indexOf(at)
    const [one, two] = place < 0 ? [first[0][at], first[1][at]] : [second[0][place], second[1][place]]
    if (!one || !two) throw new Error(`question ${at} was lost`)
    return { theirs: one, ours: two, ...(place >= 0 && first[1][at] && { cut: first[1][at] }) }
  })
}

/** TC only when an answer is missing (RFC 2181 section 9): additional records are left out without a word. */
export function cutRightly(cut: Message, whole: Message): boolean {
  const [part, all] = [saidBy(cut), saidBy(whole)]
  const within = (some: readonly string[], every: readonly string[]): boolean =>
    some.every((line) => every.includes(line))
  const complete = part.answers.length === all.answers.length && part.authorities.length === all.authorities.length
  return (
    within(part.answers, all.answers) &&
    within(part.additionals, all.additionals) &&
    part.rcode === all.rcode &&
    part.flags.includes('TC') !== complete
  )
}
