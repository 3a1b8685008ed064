import type { Trace } from '../types.ts'
import type { Paint, TextOptions } from './paint.ts'
import { wrapped } from './wrap.ts'

/** What is wrong, and what to do: a line each. */
export function renderWhy({ why, verdict }: Trace, { width }: TextOptions, paint: Paint): string[] {
  if (why.length === 0) return []
  const styles = { error: 'red', warning: 'yellow', info: 'dim' } as const
  const lines = why.flatMap(({ level, say, fix }) => [
    ...wrapped(`  ${say}`, 2, width).map((text) => paint(styles[level], text)),
    ...wrapped(`  -> ${fix}`, 5, width),
  ])
  return ['', verdict === 'delivered' ? 'note' : 'why', ...lines]
}
