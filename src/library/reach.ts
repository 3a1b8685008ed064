import { AssertionError } from 'node:assert'
import { renderTrace } from '../trace/render/text.ts'
import type { Trace, Verdict } from '../trace/types.ts'

/** What is expected of a request that shall not arrive. */
export interface Unreachable {
  /** How it ends; default: any way but being delivered. */
  readonly verdict?: Exclude<Verdict, 'delivered'>
  /** The code of a finding that has to be among its `why`: `NoSuchPort`. */
  readonly why?: string
}

/** Thrown when a request did not do what was expected: its message is the whole story, hop by hop. */
export class UnexpectedTrace extends AssertionError {
  readonly trace: Trace

  constructor(trace: Trace, expected: string) {
    const story = renderTrace(trace, { width: 0, color: false, verbose: false })
    super({ message: `${expected}\n\n${story}`, actual: trace.verdict, operator: 'trace' })
    this.name = 'UnexpectedTrace'
    this.trace = trace
  }
}

/** undefined: as expected. */
export function notReached(trace: Trace): UnexpectedTrace | undefined {
  if (trace.verdict === 'delivered') return undefined
  return new UnexpectedTrace(trace, `expected ${trace.from} to reach ${trace.to}`)
}

export function notKeptOut(trace: Trace, { verdict, why }: Unreachable): UnexpectedTrace | undefined {
  const ends = verdict === undefined ? trace.verdict !== 'delivered' : trace.verdict === verdict
  const explained = why === undefined || trace.why.some(({ code }) => code === why)
  if (ends && explained) return undefined
  const how = [verdict === undefined ? '' : ` (${verdict})`, why === undefined ? '' : ` because of ${why}`].join('')
  return new UnexpectedTrace(trace, `expected ${trace.from} not to reach ${trace.to}${how}`)
}
