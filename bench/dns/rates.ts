import type { Figure, Row } from '../harness/bench.ts'
import { figure } from '../harness/figure.ts'
import { rounds } from '../harness/rounds.ts'
import type { Contestant, Name } from './contestants.ts'
import type { Of, Place, Plan } from './plan.ts'
import type { Kind } from './questions.ts'
import { rowsBeside } from './rows.ts'
import { flood, halfOf, notesOn, type Turn } from './turns.ts'

/** As fast as they answer questions of one kind. */
export async function rates(
  plan: Plan,
  place: Place,
  kind: Kind,
): Promise<{ rows: Row[]; notes: string[]; turns: Of<Turn[]> }> {
  const mix = kind === 'mix'
  const first = await forTheFirstTime(place, kind)
  const [count, seconds] = mix ? [plan.mixRounds, plan.mixSeconds] : [plan.kindRounds, plan.kindSeconds]
  const turns = await each(count, place, (of) => flood(place.generator, of, kind, seconds))
  const notes = notesOn(titles[kind], turns)
  const pick = (one: (turn: Turn) => number) => new Map([...turns].map(([name, all]) => [name, figure(all.map(one))]))
  const cpu = { ...perCpu, line: kind, figures: pick((turn) => turn.perCpuSecond) } as const
  if (!mix) return { rows: rowsBeside({ ...cpu, what: titles[kind] }), notes, turns }
  const reach = { echo: '0.9 of the echo', unbound: "unbound's rate", CoreDNS: 'twice its rate' }
  const rows = [
    ...rowsBeside({
      what: `${titles.mix}: answers, all there is to do`,
      unit: '/s',
      better: 'higher',
      figures: pick((turn) => turn.perSecond),
      reach,
    }),
    ...rowsBeside({
      what: '  of its core meanwhile',
      unit: '%',
      better: 'lower',
      figures: pick((turn) => 100 * turn.busy),
      only: 'echo',
    }),
    ...rowsBeside({ ...cpu, what: `${titles.mix}: answers of a second of processor time`, reach }),
    ...rowsBeside({ ...perCpu, what: '  when each question is asked for the first time', figures: first }),
  ]
  return { rows, notes, turns }
}

const perCpu = { unit: '/s of its own time', better: 'higher' } as const

const titles: Record<Kind, string> = {
  mix: 'the mix',
  services: 'A of services, in random order',
  misses: 'search-list misses (NXDOMAIN)',
  headless: 'A of headless services, 3 addresses shuffled',
}

/** The mix, by a program that others know. */
export async function secondOpinion(plan: Plan, place: Place): Promise<Row[]> {
  const { dnsperf } = place
  if (!dnsperf || plan.dnsperfRounds === 0) return []
  const all = await each(plan.dnsperfRounds, place, (of) => dnsperf.ask(of, plan.mixSeconds))
  const figures = new Map([...all].map(([name, values]) => [name, figure(values)]))
  return rowsBeside({ what: `${titles.mix}, asked by dnsperf: answers`, unit: '/s', better: 'higher', figures })
}

/** Every contestant at half of what it could do with the mix. */
export async function halfLoad(plan: Plan, place: Place, mix: Of<Turn[]>): Promise<{ rows: Row[]; notes: string[] }> {
  const heard = await each(plan.halfRounds, place, (of, name) =>
    halfOf(place.generator, of, mix.get(name) ?? [], plan.halfSeconds),
  )
  const pick = (part: 'medians' | 'tails') =>
    new Map([...heard].map(([name, all]) => [name, figure(all.flatMap(({ ms }) => ms?.[part] ?? []))]))
  const ms = { unit: 'ms', better: 'lower' } as const
  const rows = [
    ...rowsBeside({ ...ms, what: 'the mix at half load: question to answer', figures: pick('medians'), line: 'half' }),
    ...rowsBeside({ ...ms, what: '  99 of 100 within', figures: pick('tails'), line: 'half99', reach: '1 ms' }),
  ]
  const notes = [...heard].flatMap(([name, all]) => {
    const kept = figure(all.map((one) => one.kept)).median
    const lost = all.reduce((sum, one) => sum + one.lost, 0)
    return [
      ...(kept < 0.95
        ? [
            `half load: ${name} was asked only ${Math.round(100 * kept)} % of it; another program of this machine kept the generator`,
          ]
        : []),
      ...(lost > 0 ? [`half load: ${lost} questions of ${name} were lost`] : []),
    ]
  })
  return { rows, notes }
}

/** In turns. */
async function each<Value>(
  count: number,
  { here }: Place,
  turn: (of: Contestant, name: Name) => Promise<Value>,
): Promise<Of<Value[]>> {
  const calls = Object.fromEntries([...here].map(([name, of]) => [name, () => turn(of, name)]))
  return new Map(Object.entries(await rounds(count, calls))) as Map<Name, Value[]>
}

/** Every question once. Afterwards who keeps answers has them. */
async function forTheFirstTime({ here, generator }: Place, kind: Kind): Promise<Of<Figure>> {
  const figures = new Map<Name, Figure>()
  for (const [name, of] of here) figures.set(name, figure([(await flood(generator, of, kind)).perCpuSecond]))
  return figures
}
