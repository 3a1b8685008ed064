import { cpuOf } from '../harness/cpu.ts'
import { figure } from '../harness/figure.ts'
import type { Helper } from '../harness/helper.ts'
import type { Contestant, Name } from './contestants.ts'
import type { Heard, Order, Said } from './generator.ts'
import type { Kind } from './questions.ts'

export type Generator = Helper<Order, Heard>

/** One contestant asked for a while. */
export interface Turn {
  /** Answers a second of time, and of its own processor time. */
  readonly perSecond: number
  readonly perCpuSecond: number
  /** Part of its core that it used. */
  readonly busy: number
  readonly lost: number
  readonly said: Said
}

/** As fast as it answers; without `seconds` every question once. */
export async function flood(generator: Generator, of: Contestant, kind: Kind, seconds?: number): Promise<Turn> {
  const before = cpuOf(of.pid)
  const how = seconds === undefined ? ({ once: true } as const) : { seconds }
  const heard = await generator.ask({ port: of.port, kind, ...how })
  const cpuSeconds = (cpuOf(of.pid) - before) / 1000
  const { answered, lost, said } = heard
  return {
    perSecond: answered / heard.seconds,
    perCpuSecond: answered / cpuSeconds,
    busy: cpuSeconds / heard.seconds,
    lost,
    said,
  }
}

/** At half of the rate that these turns had, with questions at random moments. `kept`: the part of that rate which the generator has asked. */
export async function halfOf(
  generator: Generator,
  of: Contestant,
  turns: readonly Turn[],
  seconds: number,
): Promise<Heard & { readonly kept: number }> {
  const perSecond = figure(turns.map((turn) => turn.perSecond)).median / 2
  const heard = await generator.ask({ port: of.port, kind: 'mix', seconds, perSecond })
  return { ...heard, kept: heard.asked / (perSecond * seconds) }
}

/** What a reader should know of these turns: who lost questions, who said something else than we did, whose core was not full. */
export function notesOn(what: string, turns: ReadonlyMap<Name, readonly Turn[]>): string[] {
  const ours = turns.get('ours')?.[0]?.said
  const notes: string[] = []
  const idle: string[] = []
  for (const [name, all] of turns) {
    const lost = all.reduce((sum, turn) => sum + turn.lost, 0)
    if (lost > 0) notes.push(`${what}: ${lost} questions of ${name} were lost`)
    const said = all[0]?.said
    if (name !== 'echo' && ours && said && differ(ours, said))
      notes.push(`${what}: ${name} said ${percent(said)}, ours ${percent(ours)}`)
    const busy = figure(all.map((turn) => turn.busy)).median
    if (busy < full) idle.push(`${name} ${Math.round(busy * 100)} %`)
  }
  if (idle.length > 0)
    notes.push(
      `${what}: not all cores were full (${idle.join(', ')}): the generator, or another program of this machine, was the limit`,
    )
  return notes
}

const full = 0.9

/** By more than where a turn happens to end among the questions. */
function differ(one: Said, other: Said): boolean {
  const [a, b] = [shares(one), shares(other)]
  return (['records', 'empty', 'missing', 'other'] as const).some((kind) => Math.abs(a[kind] - b[kind]) > 0.01)
}

function shares({ records, empty, missing, other }: Said): Said {
  const all = records + empty + missing + other
  return { records: records / all, empty: empty / all, missing: missing / all, other: other / all }
}

function percent(said: Said): string {
  const { records, empty, missing, other } = shares(said)
  const say = (part: number): string => `${(100 * part).toFixed(1)} %`
  return `records ${say(records)}, nothing ${say(empty)}, no such name ${say(missing)}, else ${say(other)}`
}
