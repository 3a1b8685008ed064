import { labelsText, numberText, type Values } from './family.ts'
import type { Labelled } from './number.ts'

export interface Histogram {
  observe(value: number): void
}

/** `bounds`: upper ends of the buckets, growing, without +Inf. */
export function histogram<const L extends readonly string[]>(
  name: string,
  help: string,
  labels: L,
  bounds: readonly number[],
): Labelled<L, Histogram> {
  const series = new Map<string, Series>()
  return {
    name,
    help,
    type: 'histogram',
    of(...values: Values<L>) {
      const text = labelsText(labels, values)
      let one = series.get(text)
      if (!one) series.set(text, (one = makeSeries(bounds)))
      return one
    },
    *samples() {
      for (const [text, { counts, sum }] of series) {
        const before = text === '' ? '{' : `${text.slice(0, -1)},`
        let total = 0
        let lines = ''
        for (let i = 0; i <= bounds.length; i++) {
          total += counts[i] ?? 0
          lines += `${name}_bucket${before}le="${numberText(bounds[i] ?? Number.POSITIVE_INFINITY)}"} ${total}\n`
        }
        yield `${lines}${name}_sum${text} ${numberText(sum)}\n${name}_count${text} ${total}\n`
      }
    },
  }
}

interface Series extends Histogram {
  /** Not cumulated; the last one is what is above all bounds. */
  readonly counts: Float64Array
  sum: number
}

function makeSeries(bounds: readonly number[]): Series {
  const counts = new Float64Array(bounds.length + 1)
  const made: Series = {
    counts,
    sum: 0,
    observe(value) {
      let low = 0
      for (let high = bounds.length; low < high; ) {
        const middle = (low + high) >> 1
        // A bound belongs to its bucket: le means less or equal.
        if (value <= (bounds[middle] ?? 0)) high = middle
        else low = middle + 1
      }
      counts[low] = (counts[low] ?? 0) + 1
      made.sum += value
    },
  }
  return made
}

/** `count` bounds, each `factor` times the one before. */
export function exponential(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * factor ** i)
}

/** `count` bounds, each `step` more than the one before. */
export function linear(first: number, step: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + step * i)
}
