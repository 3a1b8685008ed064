/** Milliseconds: what becomes true at once is seen soon, and what takes long is not asked for a hundred times a second. */
const shortestMs = 10
const longestMs = 250

/** The pauses between tries: each twice the one before, up to {@link longestMs}. */
export function* pauses(): Generator<number, never> {
  for (let ms = shortestMs; ; ms = Math.min(ms * 2, longestMs)) yield ms
}

/**
 * Tries until nothing is wrong with what came of it, or `withinMs` are over when one ends; a quick last one begins then. At least once.
 * @throws what was wrong with the last; what `ask` throws, at once.
 */
export async function tryUntil<T>(
  ask: () => Promise<T>,
  wrong: (answer: T) => Error | undefined,
  withinMs: number,
): Promise<T> {
  const until = performance.now() + withinMs
  for (const pause of pauses()) {
    const answer = await ask()
    const problem = wrong(answer)
    if (problem === undefined) return answer
    const left = until - performance.now()
    if (left <= 0) throw problem
    await new Promise((done) => setTimeout(done, Math.min(pause, Math.ceil(left))))
  }
  throw new TypeError('there is always another pause')
}
