/** How long answers took, by response code. */
export class Durations {
  /** Per code: a count for each of {@link durationBounds}, not cumulated, one for longer ones, and the sum of seconds. */
  readonly byRcode: Map<number, number[]> = new Map()

  add(rcode: number, milliseconds: number): void {
    let counts = this.byRcode.get(rcode)
    if (!counts) this.byRcode.set(rcode, (counts = new Array<number>(durationBounds.length + 2).fill(0)))
    let bucket = 0
    while (bucket < durationBounds.length && milliseconds > (durationBounds[bucket] ?? 0) * 1000) bucket++
    counts[bucket] = (counts[bucket] ?? 0) + 1
    const sum = durationBounds.length + 1
    counts[sum] = (counts[sum] ?? 0) + milliseconds / 1000
  }
}

/** Seconds: 0.25 ms to 8 s, as CoreDNS has them. */
export const durationBounds: readonly number[] = Array.from({ length: 16 }, (_, power) => 0.00025 * 2 ** power)
