import type { Trace, Verdict } from '../types.ts'
import { sayMs } from './paint.ts'

/** A verdict as people say it. */
export const words: Readonly<Record<Verdict, string>> = {
  delivered: 'delivered',
  refused: 'refused',
  rejected: 'rejected',
  dropped: 'dropped',
  unreachable: 'unreachable',
  'too-big': 'too big',
  'no-answer': 'no answer',
  'name-not-found': 'name not found',
  'not-sent': 'not sent',
}

/**
 * A name server answered a question, and its answer is no: NXDOMAIN, REFUSED, SERVFAIL, ... (RFC 1035, 4.1.1). The packets were delivered, which is what
 * the verdict says; for who asked it is a failure.
 */
export function saysNo({ protocol, verdict, status }: Pick<Trace, 'protocol' | 'verdict' | 'status'>): boolean {
  return protocol === 'dns' && verdict === 'delivered' && status !== undefined && !/^NOERROR\b/.test(status)
}

/** `delivered, 200 OK`, `refused`, `answered: NXDOMAIN`; and how that reads at a glance. */
export function outcomeOf(trace: Pick<Trace, 'protocol' | 'verdict' | 'status' | 'asked'>): {
  readonly word: string
  readonly status: string | undefined
  readonly style: 'green' | 'yellow' | 'red'
} {
  const { verdict, status, asked } = trace
  if (asked) {
    const say = `the name server ${asked.server}, asked for "${asked.name}"; the request itself was not sent`
    return { word: words[verdict], status: say, style: 'red' }
  }
  if (saysNo(trace)) return { word: `answered: ${status}`, status: undefined, style: 'yellow' }
  return { word: words[verdict], status, style: verdict === 'delivered' ? 'green' : 'red' }
}

/**
 * `delivered, 200 OK after 26 ms`: when the answer was there, which is later than its first packet; or when it was given up, and then what
 * is known of that: `no answer after 14 ms: it does not speak TLS; ask for http://`.
 */
export function headline(outcome: string, { verdict, ms }: Pick<Trace, 'verdict' | 'ms'>, status?: string): string {
  if (verdict === 'not-sent') return outcome
  const after = `after ${sayMs(ms)}`
  if (status === undefined || status === '') return `${outcome} ${after}`
  return verdict === 'delivered' ? `${outcome}, ${status} ${after}` : `${outcome} ${after}: ${status}`
}
