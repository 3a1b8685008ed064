import { stripVTControlCharacters } from 'node:util'
import { allVisible } from '../../base/visible.ts'
import type { Trace } from '../types.ts'
import { allBounded } from './bounded.ts'
import { renderRepeats } from './count.ts'
import { renderForetold } from './foretold.ts'
import { renderHops } from './hops.ts'
import { renderNames } from './names.ts'
import { type Paint, painter, type TextOptions } from './paint.ts'
import { renderSizes } from './size.ts'
import { headline, outcomeOf } from './verdict.ts'
import { renderWhy } from './why.ts'

/** A trace as people read it: one line for each hop, there and back, then why it failed and what to do. */
export function renderTrace(seen: Trace, options: TextOptions): string {
  // Names, answers and messages are others' words, and may be as long as they like.
  const trace = allBounded(allVisible(seen))
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
function renderHead(trace: Trace, { width }: TextOptions, paint: Paint): string[] {
  const { from, to, agrees, hops, observed } = trace
  const { word, status, style } = outcomeOf(trace)
  const outcome = paint(style, word)
  const agreement = agrees
    ? paint('dim', 'predicted and observed agree')
    : paint('yellow', 'predicted and observed differ')
  const parts = [
    paint('bold', `${from.replace(/^default\//, '')} -> ${to}`),
    observed === false ? outcome : headline(outcome, trace, status),
    ...(observed === false
      ? [paint('dim', 'foretold: nothing was sent')]
      : hops.length === 0 && agrees
        ? []
        : [agreement]),
  ]
  const line = parts.join('    ')
  return width === 0 || stripVTControlCharacters(line).length <= width
    ? [line]
    : parts.map((part, at) => (at === 0 ? part : `  ${part}`))
}
