import type { RepeatedOutcome, Trace } from '../types.ts'
import { renderHops } from './hops.ts'
import { type Paint, sayMs, type TextOptions } from './paint.ts'
import { words } from './verdict.ts'
import { wrapped } from './wrap.ts'

/** With `--count`: one line for each way in which requests ended, then the hops of the first that ended otherwise than the trace's own. */
export function renderRepeats(trace: Trace, options: TextOptions, paint: Paint): string[] {
  const { repeats } = trace
  if (!repeats) return []
  const { count, asked, stopped, outcomes } = repeats
  const few =
    asked === undefined
      ? ''
      : ` of ${asked}: ${stopped ? 'it was ended before more were sent' : 'there was no time for more'}`
  const numbers = Math.max(...outcomes.map((one) => String(one.count).length))
  const verdicts = Math.max(...outcomes.map(({ verdict }) => words[verdict].length))
  const whom = Math.max(...outcomes.map((one) => endpointText(one).length))
  const rows = outcomes.flatMap((one) => {
    const style = one.verdict === 'delivered' ? 'green' : 'red'
    const start = `  ${String(one.count).padStart(numbers)}  ${paint(style, words[one.verdict].padEnd(verdicts))}  `
    const line = `${start}${endpointText(one).padEnd(whom)}  ${shareText(one, count)}, ${timesText(one)}`
    return wrapped(line, numbers + 4, options.width)
  })
  return ['', `${count} request${count === 1 ? '' : 's'}${few}`, ...rows, ...otherWays(trace, options, paint)]
}

function otherWays(trace: Trace, options: TextOptions, paint: Paint): string[] {
  const told = new Set([trace.verdict])
  return (trace.repeats?.outcomes ?? []).flatMap(({ verdict, hops, reply }) => {
    if (told.has(verdict) || !hops || !reply) return []
    told.add(verdict)
    const head = `the first that was not ${words[trace.verdict]}: ${paint(verdict === 'delivered' ? 'green' : 'red', words[verdict])}`
    return ['', head, ...renderHops({ ...trace, hops, reply }, options, paint)]
  })
}

/** `pod web-1 on node1`, `node2`, an address, or `no endpoint`. */
function endpointText({ endpoint }: RepeatedOutcome): string {
  if (!endpoint) return 'no endpoint'
  const { pod, node, address } = endpoint
  if (pod === undefined) return node ?? address
  return `pod ${pod.slice(pod.indexOf('/') + 1)}${node === undefined ? '' : ` on ${node}`}`
}

function shareText({ count, expected }: RepeatedOutcome, all: number): string {
  const share = `${Math.round((100 * count) / all)} %`
  return expected === undefined ? share : `${share} (${Math.round(100 * expected)} % expected)`
}

function timesText({ count, ms: { min, median, p90, max } }: RepeatedOutcome): string {
  if (count === 1) return sayMs(median)
  return `${sayMs(min)} to ${sayMs(max)}, half within ${sayMs(median)}, nine of ten within ${sayMs(p90)}`
}
