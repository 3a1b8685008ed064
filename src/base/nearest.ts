/**
 * What was probably meant by `wanted`, nearest first, at most three; empty when nothing is near. Near is a slip in at most a third of the
 * letters (never in all of them), or a word that contains the other. Upper and lower case are the same.
 */
export function nearest(wanted: string, among: Iterable<string>): string[] {
  return [...new Set(among)]
    .map((word) => ({ word, far: howFar(wanted.toLowerCase(), word.toLowerCase()) }))
    .filter(({ far }) => far < Number.POSITIVE_INFINITY)
    .sort((a, b) => a.far - b.far || (a.word < b.word ? -1 : 1))
    .slice(0, 3)
    .map(({ word }) => word)
}

/** `did you mean web or api?`, or nothing. */
export function didYouMean(wanted: string, among: Iterable<string>): string {
  const found = nearest(wanted, among)
  return found.length === 0 ? '' : `did you mean ${found.join(' or ')}?`
}

/** In slips; infinite: not near. */
function howFar(wanted: string, word: string): number {
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  const longer = Math.abs(wanted.length - word.length)
  if (contains(wanted, word)) return longer
  // What is typed can be as long as a request: no table is made for words that cannot be near.
  const far = longer > limit ? longer : distance(wanted, word)
  return far <= limit && far < wanted.length ? far : Number.POSITIVE_INFINITY
}

/** Two letters stand in too many words to say anything. */
function contains(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && (a.includes(b) || b.includes(a))
}

/**
 * How many insertions, deletions, replacements and swaps of neighbours make one word of the other (optimal string alignment).
 */
function distance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next.push(
        Math.min(
          (row[j] ?? 0) + 1,
          (next[j - 1] ?? 0) + 1,
          (row[j - 1] ?? 0) + same,
          swapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
