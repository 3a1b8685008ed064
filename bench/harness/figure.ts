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

/**
 * What all but a few of the values stay below: the 99th of a hundred for `part` 0.99. Of every `block` values one such figure, so that a bad moment
 * of the machine spoils the blocks that it falls into, and not all.
 */
export function tail(values: readonly number[], part: number, block: number): Figure {
  const blocks = Math.max(1, Math.floor(values.length / block))
  const size = Math.ceil(values.length / blocks)
  const of = (at: number): number[] => values.slice(at * size, (at + 1) * size).sort((a, b) => a - b)
  return figure(Array.from({ length: blocks }, (_, at) => quantile(of(at), part)))
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
