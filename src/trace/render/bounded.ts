/** More than any sentence of ours has. */
const longestText = 1000
const mostTexts = 20

/**
 * A text that may hold what others wrote, for one line of ours: no longer than somebody reads, and without line feeds, which could pass
 * for lines of ours.
 */
export function bounded(text: string, longest: number = longestText): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ')
  if (line.length <= longest) return line
  const head = line.slice(0, longest)
  const at = head.lastIndexOf(' ')
  // Between words, where there are any; never within a character of two units.
  const kept = (at > longest / 2 ? head.slice(0, at) : head.replace(/[\uD800-\uDBFF]$/, '')).replace(/[\s,;]+$/, '')
  return `${kept} … and ${count(line.length - kept.length)} more characters (-o json has all)`
}

/** The same value with every text in it {@link bounded}, and of many texts the first. Of plain data, as JSON has it; patches stay whole, for what is cut is no change. */
export function allBounded<T>(value: T): T {
  if (typeof value === 'string') return bounded(value) as T
  if (Array.isArray(value)) {
    const few = value.length > mostTexts && value.every((one) => typeof one === 'string')
    const shown = (few ? value.slice(0, mostTexts) : value).map(allBounded)
    return (few ? [...shown, `${count(value.length - mostTexts)} more`] : shown) as T
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, key === 'patch' ? one : allBounded(one)]),
  ) as T
}

/** `12,345` */
function count(number: number): string {
  return number.toLocaleString('en')
}
