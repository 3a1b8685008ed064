const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds of `30s`, `500ms`, `1h30m` or `1.5h`, as Go and so Kubernetes write them; undefined: no such text, or no whole milliseconds. */
export function readTime(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined
  let sum = 0
  for (const [, number, unit = ''] of text.matchAll(/([\d.]+)([a-z]+)/g)) sum += Number(number) * (units[unit] ?? 0)
  return Number.isSafeInteger(sum) ? sum : undefined
}

/** In the largest unit that says it whole: `90s`, `2h`. */
export function printTime(milliseconds: number): string {
  if (milliseconds === 0) return '0s'
  for (const unit of ['h', 'm', 's'])
    if (milliseconds % (units[unit] ?? 1) === 0) return `${milliseconds / (units[unit] ?? 1)}${unit}`
  return `${milliseconds}ms`
}
