/** The candidates that are most like `wanted`, best first: those within a third of its length, or that contain it or stand in it. */
export function nearest(wanted: string, candidates: Iterable<string>, most = 3): string[] {
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, distance: distanceOf(wanted, candidate) }))
    .filter(({ candidate, distance }) => distance <= limit || contains(candidate, wanted))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, most)
    .map(({ candidate }) => candidate)
}

/** `did you mean "web" or "api"?`, or nothing. */
export function didYouMean(wanted: string, candidates: Iterable<string>): string {
  const found = nearest(wanted, candidates)
  return found.length === 0 ? '' : `did you mean ${found.join(' or ')}?`
}

function contains(candidate: string, wanted: string): boolean {
  return Math.min(candidate.length, wanted.length) >= 3 && (candidate.includes(wanted) || wanted.includes(candidate))
}

/** Insertions, deletions, replacements, and swaps of neighbours (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  let [older, old]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let best = Math.min((old[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (old[j - 1] ?? 0) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (older[j - 2] ?? 0) + 1)
      row.push(best)
    }
    ;[older, old] = [old, row]
  }
  return old[b.length] ?? 0
}
