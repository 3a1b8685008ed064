import { type Family, numberText } from '../../base/metrics/family.ts'
import type { Measured, MeasuredFamily } from './channel.ts'

/** Gauges of which several processes together have the sum. Of all others they have the greatest, but for those below. */
const summed = new Set([
  'kubehop_dns_in_flight',
  'kubehop_dns_tcp_connections',
  'kubehop_dns_cache_bytes',
  'coredns_cache_entries',
  'process_resident_memory_bytes',
  'process_open_fds',
])
const least = new Set(['kubehop_dns_api_connected', 'process_start_time_seconds', 'process_max_fds'])

/** What several processes tell, as if it were one. */
export function sumOf(all: readonly Measured[]): Measured {
  const cells = new Float64Array(Math.max(0, ...all.map((one) => one.cells.length)))
  for (const one of all) for (const [at, value] of one.cells.entries()) cells[at] = (cells[at] ?? 0) + value
  const families = new Map<string, { first: MeasuredFamily; series: Map<string, number> }>()
  for (const first of all.flatMap((one) => one.families)) {
    const known = families.get(first.name) ?? { first, series: new Map<string, number>() }
    families.set(first.name, known)
    const join = joinOf(first)
    for (const [series, value] of samplesOf(first.text)) {
      const before = known.series.get(series)
      known.series.set(series, before === undefined ? value : join(before, value))
    }
  }
  const textOf = (series: Map<string, number>): string =>
    [...series].map(([name, value]) => `${name} ${numberText(value)}\n`).join('')
  return { cells, families: [...families.values()].map(({ first, series }) => ({ ...first, text: textOf(series) })) }
}

/** Of a process that has ended: what it counted stays counted, or sums would go down. */
export function lasting({ cells, families }: Measured): Measured {
  return { cells, families: families.filter(({ type }) => type !== 'gauge') }
}

export async function measuredOf(families: readonly Family[]): Promise<MeasuredFamily[]> {
  return Promise.all(
    families.map(async (family) => {
      let text = ''
      for await (const lines of family.samples()) text += lines
      return { name: family.name, help: family.help, type: family.type, text }
    }),
  )
}

export function familyOf({ name, help, type, text }: MeasuredFamily): Family {
  return { name, help, type, samples: () => [text] }
}

function joinOf({ name, type }: MeasuredFamily): (a: number, b: number) => number {
  if (type !== 'gauge' || summed.has(name)) return (a, b) => a + b
  return least.has(name) ? Math.min : Math.max
}

/** A value is behind the last space: labels may have spaces too. */
function* samplesOf(text: string): Generator<[series: string, value: number]> {
  for (const line of text.split('\n')) {
    const space = line.lastIndexOf(' ')
    if (space > 0) yield [line.slice(0, space), Number(line.slice(space + 1).replace('Inf', 'Infinity'))]
  }
}
