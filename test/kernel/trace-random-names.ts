import { type DnsStep, type Trace, unanswered } from '../../src/trace/types.ts'
import type { RandomWorld } from './trace-random-world.ts'

/**
 * Whether the name server said what the DNS specification foretells, question by question; undefined where it did. Of who asks the name
 * servers of its machine no object says which those are, so nothing is foretold.
 */
export async function namesDisagree(
  world: RandomWorld,
  from: string,
  { to, dns, why }: Trace,
): Promise<string | undefined> {
  const late = why.some(({ code }) => code === 'TimeRanOut')
  // Here all pods have the search list of one namespace.
  if (!from.startsWith('shop/') || dns.length === 0 || late || dns.some(unanswered)) return undefined
  const foretold = await world.trace(from, to, { dryRun: true })
  if (foretold.dns.length === 0) return undefined
  const [asked, told] = [textOf(dns), textOf(foretold.dns)]
  return asked === told ? undefined : `the names foretold were ${told}, and asked were ${asked}`
}

function textOf(steps: readonly DnsStep[]): string {
  const texts = steps.map(
    ({ question, type, rcode, answers }) => `${question} ${type} ${rcode} ${answers.toSorted().join(' ')}`,
  )
  // How often a question is asked, options of resolv.conf say that no object has: here it is asked once.
  return [...new Set(texts)].join('; ')
}
