import { flags, type Message } from '../../../src/dns/wire/message.ts'
import { type Asked, askAll } from './ask.ts'
import { saidBy, withFlag } from './compare.ts'

/** Two servers that have the same configuration, as ports of 127.0.0.1. */
export interface Pair {
  readonly theirs: number
  readonly ours: number
}

/** What two servers say to one question, whole: over TCP where it did not fit. */
export interface Both {
  readonly theirs: Message
  readonly ours: Message
  /** What we said over UDP, where the question came so. */
  readonly overUdp?: Message
}

export async function askBoth({ theirs, ours }: Pair, questions: readonly Asked[]): Promise<Both[]> {
  const first = await askAll(theirs, questions)
  const again = await askAll(theirs, overTcp(questions.filter((_, at) => isCut(first[at]))))
  const whole = first.map((message) => (isCut(message) ? again.shift() : message))
  const [said, all] = await Promise.all([askAll(ours, questions), askAll(ours, overTcp(questions))])
  return questions.map(({ transport }, at) => {
    const [one, two, overUdp] = [whole[at], all[at], said[at]]
    if (!one || !two) throw new Error(`question ${at} was lost`)
    return { theirs: one, ours: two, ...(transport === 'udp' && overUdp && { overUdp }) }
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
    part.opt === all.opt &&
    part.question === all.question &&
    withFlag(part, 'TC', false).flags === all.flags &&
    part.flags.includes('TC') !== complete
  )
}

function overTcp(questions: readonly Asked[]): Asked[] {
  return questions.map((question) => ({ ...question, transport: 'tcp' }))
}

function isCut(message: Message | undefined): boolean {
  return message !== undefined && (message.flags & flags.TC) !== 0
}
