import type { Figure, Row } from './bench.ts'

/** The figure of many rounds. */
export function figure(values: readonly number[]): Figure {
  if (values.length === 0) throw new RangeError('a figure needs at least one round')
  const sorted = [...values].sort((a, b) => a - b)
  return {
    median: quantile(sorted, 0.5),
    quartiles: [quantile(sorted, 0.25), quantile(sorted, 0.75)],
    rounds: sorted.length,
  }
}

/** How many times better than the peer: above 1 is better, whichever way the unit counts. */
export function ratio(row: Row): number | undefined {
  if (!row.peer) return undefined
  const [ours, theirs] = [row.figure.median, row.peer.figure.median]
  return row.better === 'lower' ? theirs / ours : ours / theirs
}

/** Between two values of a sorted list, in proportion (the usual definition, R's type 7). */
function quantile(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part
  const low = sorted[Math.floor(place)] ?? Number.NaN
  const high = sorted[Math.ceil(place)] ?? Number.NaN
  return low + (high - low) * (place - Math.floor(place))
}
