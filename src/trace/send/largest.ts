import type { SizeTried } from '../types.ts'

/** No link of IPv4 takes less (RFC 791, 3.2). */
export const leastSize = 68
/** What every machine takes (RFC 1122, 3.3.3): nobody who has less needs to be looked for first. */
const usualLeast = 576
/** Sizes that are tried at once, where nobody says what would fit. */
const atOnce = 8
/** More rounds than any path needs: each finds the size, a smaller limit, or an eighth of what was left. */
const mostRounds = 16

/**
 * The largest packet that passes, 0 when none does, by as few packets as possible: first the one that would be right everywhere
 * (`start`), then what those say who stop it, and where nobody says anything, sizes that cut what is left into parts.
 */
export async function findLargest<T extends { readonly tried: SizeTried }>(
  start: number,
  send: (sizes: number[]) => Promise<T[]>,
): Promise<{ largest: number; all: T[] }> {
  const all: T[] = []
  let [passes, fails] = [0, Number.POSITIVE_INFINITY]
  let next = [start]
  for (let round = 0; round < mostRounds && next.length > 0; round++) {
    const results = await send(next)
    all.push(...results)
    for (const { tried } of results) if (tried.passed) passes = Math.max(passes, tried.bytes)
    for (const { tried } of results) if (!tried.passed && tried.bytes > passes) fails = Math.min(fails, tried.bytes)
    const said = all.flatMap(({ tried: { mtu } }) => (mtu !== undefined && mtu < fails ? [mtu] : []))
    // Who says how much fits need not be tried with one byte more.
    if (said.includes(passes)) break
    const fitting = said.filter((mtu) => mtu > passes)
    next = fitting.length > 0 ? [Math.min(...fitting)] : between(passes, fails)
  }
  return { largest: passes, all }
}

/** Sizes that cut what is left into equal parts. */
function between(passes: number, fails: number): number[] {
  if (!Number.isFinite(fails) || fails - passes <= 1) return []
  const least = passes > 0 ? passes + 1 : fails > usualLeast ? usualLeast : leastSize
  const most = fails - 1
  if (least > most) return []
  const count = Math.min(atOnce, most - least + 1)
  const step = count === 1 ? 0 : (most - least) / (count - 1)
  return [...new Set(Array.from({ length: count }, (_, at) => Math.round(least + at * step)))]
}
