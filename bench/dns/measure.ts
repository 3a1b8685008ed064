import type { Row } from '../harness/bench.ts'
import { figure, tail } from '../harness/figure.ts'
import { memoryOf } from '../harness/memory.ts'
import type { Name } from './contestants.ts'
import type { Place, Plan } from './plan.ts'
import { kinds } from './questions.ts'
import { halfLoad, rates, secondOpinion } from './rates.ts'
import { rowsBeside } from './rows.ts'

/** Everything that is measured of those who are here, in the order of the table. */
export async function measure(
  plan: Plan,
  place: Place,
  say: (text: string) => void,
): Promise<{ rows: Row[]; notes: string[] }> {
  const rows: Row[] = [started(place), ...memory(place, { pss: 'memory then (PSS)' })]
  const notes: string[] = []
  for (const kind of kinds) {
    say(kind)
    const measured = await rates(plan, place, kind)
    rows.push(...measured.rows)
    notes.push(...measured.notes)
    if (kind !== 'mix') continue
    say('mix, asked by dnsperf')
    rows.push(...(await secondOpinion(plan, place)))
    say('mix, at half load')
    const half = await halfLoad(plan, place, measured.turns)
    rows.push(...half.rows)
    notes.push(...half.notes)
  }
  say('changes')
  rows.push(...(await changes(plan, place)))
  rows.push(
    ...memory(place, {
      pss: 'memory after all of this (PSS)',
      peak: '  resident, the most there ever was',
      reach: '150 MB',
    }),
  )
  return { rows, notes }
}

/** Of those who follow the API server. */
async function changes(plan: Plan, { api, here }: Place): Promise<Row[]> {
  const all = new Map<Name, number[]>()
  for (const name of ['ours', 'CoreDNS'] as const) {
    const of = here.get(name)
    if (!of) continue
    await api.ask({ changes: warmUp, port: of.port })
    const { ms } = (await api.ask({ changes: plan.changes, port: of.port })) as { ms: number[] }
    all.set(name, ms)
  }
  const pick = (of: (ms: number[]) => Row['figure']) => new Map([...all].map(([name, ms]) => [name, of(ms)]))
  const ms = { unit: 'ms', better: 'lower', reach: '5 ms' } as const
  return [
    ...rowsBeside({
      ...ms,
      what: 'a change: event to the first answer that shows it',
      figures: pick(figure),
      line: 'change',
    }),
    ...rowsBeside({
      ...ms,
      what: '  99 of 100 within',
      figures: pick((all) => tail(all, 0.99, block)),
      line: 'change99',
    }),
  ]
}
const warmUp = 60
/** Of so many changes one is the slowest hundredth. */
const block = 150

function started({ here }: Place): Row {
  const figures = new Map(
    [...here]
      .filter(([name]) => name === 'ours' || name === 'CoreDNS')
      .map(([name, { readyMs }]) => [name, figure([readyMs])]),
  )
  const [row] = rowsBeside({
    what: 'start of the process to its first right answer',
    unit: 'ms',
    better: 'lower',
    figures,
  })
  return row as Row
}

/** `peak` is told beside CoreDNS alone. */
function memory({ here }: Place, what: { pss: string; peak?: string; reach?: string }): Row[] {
  const kinds = [...here].filter(([name]) => name !== 'echo').map(([name, { pid }]) => [name, memoryOf(pid)] as const)
  const pick = (part: 'pss' | 'peak') => new Map(kinds.map(([name, of]) => [name, figure([of[part] / 1e6])]))
  const mb = { unit: 'MB', better: 'lower' } as const
  const { pss, peak, reach } = what
  return [
    ...rowsBeside({ ...mb, what: pss, figures: pick('pss'), ...(reach !== undefined && { reach }) }),
    ...(peak === undefined ? [] : rowsBeside({ ...mb, what: peak, figures: pick('peak'), only: 'CoreDNS' })),
  ]
}
