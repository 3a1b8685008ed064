import { stripVTControlCharacters } from 'node:util'
import { allVisible } from '../../base/visible.ts'
import type { Trace } from '../types.ts'
import { renderRepeats } from './count.ts'
import { renderForetold } from './foretold.ts'
import { renderHops } from './hops.ts'
import { renderNames } from './names.ts'
import { type Paint, painter, sayMs, type TextOptions } from './paint.ts'
import { renderSizes } from './size.ts'
import { words } from './verdict.ts'
import { renderWhy } from './why.ts'

/** A trace as people read it: one line for each hop, there and back, then why it failed and what to do. */
export function renderTrace(seen: Trace, options: TextOptions): string {
  // Names, answers and messages are others' words.
  const trace = allVisible(seen)
  const paint = painter(options.color)
  const lines = [
    ...renderHead(trace, options, paint),
    '',
    ...renderNames(trace, options, paint),
    ...renderHops(trace, options, paint),
    ...renderForetold(trace, options, paint),
    ...renderRepeats(trace, options, paint),
    ...renderSizes(trace, options, paint),
    ...renderWhy(trace, options, paint),
  ]
  return `${lines.join('\n')}\n`
}

/** In one line where it fits, else part by part. */
function renderHead(
  { from, to, verdict, status, ms, agrees, hops, observed }: Trace,
  { width }: TextOptions,
  paint: Paint,
): string[] {
  const outcome = paint(verdict === 'delivered' ? 'green' : 'red', words[verdict])
  const agreement = agrees
    ? paint('dim', 'predicted and observed agree')
    : paint('yellow', 'predicted and observed differ')
  const parts = [
    paint('bold', `${from.replace(/^default\//, '')} -> ${to}`),
    observed === false ? outcome : [outcome, status, sayMs(ms)].filter(Boolean).join(', '),
    ...(observed === false ? [paint('dim', 'foretold: nothing was sent')] : hops.length === 0 ? [] : [agreement]),
  ]
  const line = parts.join('    ')
  return width === 0 || stripVTControlCharacters(line).length <= width
    ? [line]
    : parts.map((part, at) => (at === 0 ? part : `  ${part}`))
}
