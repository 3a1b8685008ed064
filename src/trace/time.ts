/** Nanoseconds since 1970 as RFC 3339 with microseconds. */
export function timeText(time: bigint): string {
  const micros = String((time / 1000n) % 1_000_000n).padStart(6, '0')
  return new Date(Number(time / 1_000_000n)).toISOString().replace(/\.\d+Z$/, `.${micros}Z`)
}
