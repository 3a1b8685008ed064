import type { Hop, Trace } from '../types.ts'
import type { Paint, TextOptions } from './paint.ts'
import { wrapped } from './wrap.ts'

interface Columns {
  readonly place: number
  readonly label: number
  readonly time: number
}

/** There and back, a line each: number, when, where, which part decided, and the sentence; its evidence beneath where wished. */
export function renderHops(trace: Trace, options: TextOptions, paint: Paint): string[] {
  const { hops, reply, predicted, agrees, observed } = trace
  if (hops.length === 0) return []
  const shown = [...hops, ...reply]
  const columns: Columns = {
    place: Math.max(5, ...shown.map(({ place }) => place.length)),
    label: Math.max(5, ...shown.map((hop) => labelOf(hop).length)),
    time: Math.max(...shown.map((hop) => sayWhen(hop).length)),
  }
  const lines = (part: readonly Hop[], from: number): string[] =>
    part.flatMap((hop, at) => renderHop(hop, from + at, columns, options, paint))
  return [
    'there',
    ...lines(hops, 1),
    ...(reply.length > 0
      ? ['back', ...lines(reply, hops.length + 1)]
      : [`back     ${paint('red', observed === false ? 'nothing would come back' : 'nothing came back')}`]),
    // What was expected instead is of use only where it is not what happened.
    ...(options.verbose && !agrees && predicted.length > 0 ? ['predicted', ...lines(predicted, 1)] : []),
  ]
}

function renderHop(hop: Hop, number: number, columns: Columns, options: TextOptions, paint: Paint): string[] {
  const when = columns.time === 0 ? '' : `${sayWhen(hop).padStart(columns.time)}  `
  const start = `${String(number).padStart(2)}  ${when}${hop.place.padEnd(columns.place)}  ${labelOf(hop).padEnd(columns.label)}  `
  const indent = start.length
  const style =
    hop.action === 'rejected' || hop.action === 'dropped' ? 'red' : hop.action === 'translated' ? 'cyan' : undefined
  const begin = when === '' ? start : start.replace(when, paint('dim', when))
  const lines = wrapped(`${start}${hop.say}`, indent, options.width).map((text, at) => {
    const said = at === 0 ? text.slice(indent) : text
    const told = style === undefined ? said : paint(style, said)
    return at === 0 ? begin + told : told
  })
  if (!options.verbose) return lines
  const { packet, after, because } = hop
  const ends = after
    ? `${packet.src} > ${packet.dst} becomes ${after.src} > ${after.dst}; `
    : because.kind === 'packet'
      ? ''
      : `${packet.src} > ${packet.dst} ${packet.proto}; `
  const evidence = `${' '.repeat(indent)}${ends}${because.kind}: ${because.text}`
  return [...lines, ...wrapped(evidence, indent + 2, options.width).map((text) => paint('dim', text))]
}

/** Since the request was sent: `+12 us`, `+3.4 ms`; nothing in a prediction. */
function sayWhen({ us }: Hop): string {
  if (us === undefined) return ''
  return us < 1000
    ? `+${Math.round(us)} us`
    : us < 10_000
      ? `+${(us / 1000).toFixed(1)} ms`
      : `+${Math.round(us / 1000)} ms`
}

/** Where on the machine: a device, or the part that decided. */
function labelOf({ component, device, place, node }: Hop): string {
  if (component === 'proxy' || component === 'policy') return component
  return component === 'route' && place === node && device === 'eth0' && place === 'router' ? 'table' : device
}
