import type { Trace } from '../types.ts'
import type { Paint, TextOptions } from './paint.ts'
import { wrapped } from './wrap.ts'

const most = 10

/** Of a prediction: whom a service may choose, and what the objects do not say. */
export function renderForetold(
  { endpoints = [], notes = [], observed }: Trace,
  { width }: TextOptions,
  paint: Paint,
): string[] {
  if (observed !== false) return []
  const shown = endpoints
    .slice(0, most)
    .map(({ address, pod, node }) => `${pod ?? address}${node === undefined ? '' : ` (${node})`}`)
  const more = endpoints.length > most ? `, and ${endpoints.length - most} more` : ''
  return [
    ...(shown.length > 0 ? wrapped(`one of   ${shown.join(', ')}${more}`, 9, width) : []),
    ...notes.flatMap((note) => wrapped(`note     ${note}`, 9, width)).map((text) => paint('dim', text)),
  ]
}
