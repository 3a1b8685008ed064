import { type Family, type Kind, labelsText, numberText, type Values } from './family.ts'

export interface Counter {
  /** `by` is not negative: what counts down is a gauge. */
  add(by?: number): void
}

export interface Gauge {
  set(value: number): void
  add(by: number): void
}

/** `of` makes a series, or finds it again; it is told from then on, with 0 until it has another value. */
export interface Labelled<L extends readonly string[], Series> extends Family {
  of(...values: Values<L>): Series
}

export function counter<const L extends readonly string[]>(
  name: string,
  help: string,
  labels: L,
): Labelled<L, Counter> {
  return numbers('counter', name, help, labels)
}

export function gauge<const L extends readonly string[]>(name: string, help: string, labels: L): Labelled<L, Gauge> {
  return numbers('gauge', name, help, labels)
}

/** One series without labels whose value is asked for when it is told; none when there is none. */
export function measured(
  type: Exclude<Kind, 'histogram'>,
  name: string,
  help: string,
  read: () => number | undefined,
): Family {
  return {
    name,
    help,
    type,
    *samples() {
      const value = read()
      if (value !== undefined) yield `${name} ${numberText(value)}\n`
    },
  }
}

function numbers<L extends readonly string[]>(
  type: Kind,
  name: string,
  help: string,
  labels: L,
): Labelled<L, Counter & Gauge> {
  const series = new Map<string, { value: number } & Counter & Gauge>()
  return {
    name,
    help,
    type,
    of(...values) {
      const text = labelsText(labels, values)
      let one = series.get(text)
      if (!one) {
        const made = {
          value: 0,
          add: (by = 1): void => void (made.value += by),
          set: (value: number): void => void (made.value = value),
        }
        one = made
        series.set(text, one)
      }
      return one
    },
    *samples() {
      for (const [text, { value }] of series) yield `${name}${text} ${numberText(value)}\n`
    },
  }
}
