import type { Figure, Row } from '../harness/bench.ts'
import type { Name } from './contestants.ts'

export interface Beside {
  readonly what: string
  readonly unit: string
  readonly better: Row['better']
  readonly figures: ReadonlyMap<Name, Figure>
  /** What is asked for; in a record, beside whom. */
  readonly reach?: Partial<Record<Name, string>> | string
  /** Beside this one alone, or nobody. */
  readonly only?: Name
  /** What it is in a chart, which has no x: it has bars. */
  readonly line?: string
}

/** Our figure, once beside each peer that is here. */
export function rowsBeside({ what, unit, better, figures, reach, only, line }: Beside): Row[] {
  const ours = figures.get('ours')
  if (!ours) return []
  const own = { unit, better, figure: ours, ...(line !== undefined && { point: { line, x: 0 } }) }
  const reachOf = (name: Name): object => {
    const said = typeof reach === 'string' ? reach : reach?.[name]
    return said === undefined ? {} : { reach: said }
  }
  const peers = [...figures].filter(([name]) => name !== 'ours' && (only === undefined || name === only))
  if (peers.length === 0) return [{ ...own, what, ...reachOf('ours') }]
  return peers.map(([name, figure], at) => ({
    ...own,
    what: at === 0 ? what : '  the same',
    peer: { what: name, figure },
    ...reachOf(name),
  }))
}
