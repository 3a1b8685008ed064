import { distance } from '../../base/distance.ts'

/** The word of the list that was probably meant, or undefined when none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3))
  let best: { word: string; distance: number } | undefined
  for (const one of known) {
    const far = one.toLowerCase() === word.toLowerCase() ? 0 : distance(word.toLowerCase(), one.toLowerCase())
    if (far <= limit && (best === undefined || far < best.distance)) best = { word: one, distance: far }
  }
  return best?.word
}
