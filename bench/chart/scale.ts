/** A logarithmic axis over whole decades, laid on a stretch of the drawing. */
export interface Scale {
  at(value: number): number
  /** The powers of ten. */
  readonly ticks: readonly number[]
}

export function logScale(values: readonly number[], from: number, to: number): Scale {
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))
  return {
    at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
    ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)),
  }
}

/** Milliseconds as people say them: `30 µs`, `0.4 ms`, `26.8 s`. */
export function sayTime(ms: number): string {
  if (ms < 0.1) return `${short(ms * 1000)} µs`
  return ms < 1000 ? `${short(ms)} ms` : `${short(ms / 1000)} s`
}

/** `10`, `1,000`. */
export function sayCount(count: number): string {
  return count.toLocaleString('en')
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(value >= 10 ? 3 : 2)))
}
