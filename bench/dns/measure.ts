import type { Figure, Row } from '../harness/bench.ts'
import { figure, tail } from '../harness/figure.ts'
import type { Helper } from '../harness/helper.ts'
import { memoryOf } from '../harness/memory.ts'
import { rounds } from '../harness/rounds.ts'
import type { Answer, Order as ApiOrder } from './api.ts'
import type { Contestant, Name } from './contestants.ts'
import type { Dnsperf } from './dnsperf.ts'
import { type Kind, kinds } from './questions.ts'
import { rowsBeside } from './rows.ts'
import { flood, type Generator, halfOf, notesOn, type Turn } from './turns.ts'

export interface Plan {
  readonly mixRounds: number
  readonly mixSeconds: number
  /** Of the single kinds of questions. */
  readonly kindRounds: number
  readonly kindSeconds: number
  readonly halfRounds: number
  readonly halfSeconds: number
  readonly changes: number
  /** With dnsperf, where it is here. */
  readonly dnsperfRounds: number
}

export interface Place {
  readonly api: Helper<ApiOrder, Answer>
  readonly generator: Generator
  readonly here: ReadonlyMap<Name, Contestant>
  readonly dnsperf: Dnsperf | undefined
}

type Of<Value> = ReadonlyMap<Name, Value>

export async function measure(
  plan: Plan,
  place: Place,
  say: (text: string) => void,
): Promise<{ rows: Row[]; notes: string[] }> {
  const rows: Row[] = [started(place)]
  const notes: string[] = []
  let mix: Of<Turn[]> = new Map()
  for (const kind of kinds) {
    say(titles[kind])
    const first = await forTheFirstTime(place, kind)
    const turns = await rates(plan, place, kind)
    if (kind === 'mix') mix = turns
    rows.push(...rateRows(kind, turns))
    if (kind === 'mix')
      rows.push(...rowsBeside({ ...perCpu, what: '  when each question is asked for the first time', figures: first }))
    notes.push(...notesOn(titles[kind], turns))
  }
  if (plan.dnsperfRounds > 0) {
    say(`${titles.mix}, asked by dnsperf`)
    rows.push(...(await secondOpinion(plan, place)))
  }
  say('at half load')
  rows.push(...(await halfLoad(plan, place, mix)))
  say('changes')
  rows.push(...(await changes(plan, place)))
  return { rows: [...rows, ...memory(place)], notes }
}

const titles: Record<Kind, string> = {
  mix: 'the mix',
  services: 'A of services, in random order',
  misses: 'search-list misses (NXDOMAIN)',
  headless: 'A of headless services, 3 addresses shuffled',
}

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

const perCpu = { unit: '/s of its own time', better: 'higher' } as const

function rates(plan: Plan, place: Place, kind: Kind): Promise<Of<Turn[]>> {
  const [count, seconds] = kind === 'mix' ? [plan.mixRounds, plan.mixSeconds] : [plan.kindRounds, plan.kindSeconds]
  return each(count, place, (of) => flood(place.generator, of, kind, seconds))
}

function rateRows(kind: Kind, turns: Of<Turn[]>): Row[] {
  const pick = (one: (turn: Turn) => number) => new Map([...turns].map(([name, all]) => [name, figure(all.map(one))]))
  const cpu = {
    unit: '/s of its own time',
    better: 'higher',
    line: kind,
    figures: pick((turn) => turn.perCpuSecond),
  } as const
  if (kind !== 'mix') return rowsBeside({ ...cpu, what: titles[kind] })
  const reach = { echo: '0.9 of the echo', unbound: "unbound's rate", CoreDNS: 'twice its rate' }
  return [
    ...rowsBeside({
      what: `${titles.mix}: answers, all there is to do`,
      unit: '/s',
      better: 'higher',
      figures: pick((turn) => turn.perSecond),
      reach,
    }),
    ...rowsBeside({ ...cpu, what: `${titles.mix}: answers of a second of processor time`, reach }),
    ...rowsBeside({
      what: '  of its core meanwhile',
      unit: '%',
      better: 'lower',
      figures: pick((turn) => 100 * turn.busy),
      only: 'echo',
    }),
  ]
}

async function secondOpinion(plan: Plan, place: Place): Promise<Row[]> {
  const { dnsperf } = place
  if (!dnsperf) return []
  const all = await each(plan.dnsperfRounds, place, (of) => dnsperf.ask(of, plan.mixSeconds))
  const figures = new Map([...all].map(([name, values]) => [name, figure(values)]))
  return rowsBeside({ what: `${titles.mix}, asked by dnsperf: answers`, unit: '/s', better: 'higher', figures })
}

/** Every contestant at half of what it can do. */
async function halfLoad(plan: Plan, place: Place, mix: Of<Turn[]>): Promise<Row[]> {
  const heard = await each(plan.halfRounds, place, (of, name) =>
    halfOf(place.generator, of, mix.get(name) ?? [], plan.halfSeconds),
  )
  const pick = (part: 'medians' | 'tails') =>
    new Map([...heard].map(([name, all]) => [name, figure(all.flatMap(({ ms }) => ms?.[part] ?? []))]))
  const ms = { unit: 'ms', better: 'lower' } as const
  return [
    ...rowsBeside({ ...ms, what: 'the mix at half load: question to answer', figures: pick('medians'), line: 'half' }),
    ...rowsBeside({
      ...ms,
      what: '  99 of 100 within',
      figures: pick('tails'),
      line: 'half99',
      reach: '1 ms',
    }),
  ]
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

function memory({ here }: Place): Row[] {
  const kinds = [...here].filter(([name]) => name !== 'echo').map(([name, { pid }]) => [name, memoryOf(pid)] as const)
  const pick = (part: 'pss' | 'peak') => new Map(kinds.map(([name, of]) => [name, figure([of[part] / 1e6])]))
  const mb = { unit: 'MB', better: 'lower' } as const
  return [
    ...rowsBeside({ ...mb, what: 'memory after all of this (PSS)', figures: pick('pss'), reach: '150 MB' }),
    ...rowsBeside({ ...mb, what: '  resident, the most there ever was', figures: pick('peak'), only: 'CoreDNS' }),
  ]
}
