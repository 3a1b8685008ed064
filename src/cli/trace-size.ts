import { leastSize } from '../trace/send/largest.ts'
import { largestSize } from '../trace/send/sizes.ts'
import { UsageError } from './usage.ts'

/**
 * Takes `--size`, `--size BYTES` and `--size=BYTES` out of the words; the parser of options knows none that may stand alone.
 * true: the largest that arrives is looked for.
 */
export function takeSize(words: readonly string[]): { sizes: true | number | undefined; rest: string[] } {
  const at = words.findIndex((word) => word === '--size' || word.startsWith('--size='))
  const word = words[at]
  if (word === undefined) return { sizes: undefined, rest: [...words] }
  const next = words[at + 1] ?? ''
  const follows = word === '--size' && /^\d+$/.test(next)
  const text = word === '--size' ? (follows ? next : undefined) : word.slice('--size='.length)
  const rest = words.toSpliced(at, follows ? 2 : 1)
  return { sizes: text === undefined ? true : bytes(text), rest }
}

function bytes(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < leastSize || value > largestSize)
    throw new UsageError(`--size is a number of bytes from ${leastSize} to ${largestSize}, or alone, not "${text}"`)
  return value
}
