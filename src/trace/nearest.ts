import { distance } from '../base/distance.ts'

/** The candidates that are most like `wanted`, best first: those within a third of its length, or that contain it or stand in it. */
export function nearest(wanted: string, candidates: Iterable<string>, most = 3): string[] {
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, far: distance(wanted, candidate) }))
    .filter(({ candidate, far }) => far <= limit || contains(candidate, wanted))
    .sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1))
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
