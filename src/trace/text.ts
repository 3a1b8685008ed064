import { stripVTControlCharacters, styleText } from 'node:util'
import type { DnsStep, Hop, Trace } from './types.ts'

export interface TextOptions {
  /** Columns of the terminal; longer lines are broken between words. 0: never. */
  readonly width: number
  readonly color: boolean
  /** With the evidence of each line. */
  readonly verbose: boolean
}

/** A trace as people read it: one line for each hop, there and back, then why it failed and what to do. */
export function renderTrace(trace: Trace, options: TextOptions): string {
  const paint = painter(options.color)
  const numbered = [...trace.hops, ...trace.reply]
  const columns = {
    place: Math.max(5, ...numbered.map(({ place }) => place.length)),
    label: Math.max(5, ...numbered.map((hop) => labelOf(hop).length)),
  }
  const line = (hop: Hop, at: number): string[] => renderHop(hop, at, columns, options, paint)
  const there = trace.hops.flatMap((hop, at) => line(hop, at + 1))
  const back = trace.reply.flatMap((hop, at) => line(hop, trace.hops.length + at + 1))
  const lines = [
    ...renderHead(trace, options, paint),
    '',
    ...wrapped(renderName(trace), 9, options.width),
    ...(there.length > 0 ? ['there', ...there] : []),
    ...(back.length > 0 ? ['back', ...back] : []),
    ...(trace.hops.length > 0 && back.length === 0 ? [`back     ${paint('red', 'nothing came back')}`] : []),
    ...renderWhy(trace, options, paint),
  ]
  return `${lines.join('\n')}\n`
}

type Paint = (style: 'red' | 'green' | 'yellow' | 'dim' | 'bold' | 'cyan', text: string) => string

function painter(color: boolean): Paint {
  return (style, text) => (color ? styleText(style, text, { validateStream: false }) : text)
}

/** In one line where it fits, else part by part. */
function renderHead(
  { from, to, verdict, status, ms, agrees, hops }: Trace,
  { width }: TextOptions,
  paint: Paint,
): string[] {
  const outcome = paint(verdict === 'delivered' ? 'green' : 'red', words[verdict])
  const agreement = agrees
    ? paint('dim', 'predicted and observed agree')
    : paint('yellow', 'predicted and observed differ')
  const parts = [
    paint('bold', `${from.replace(/^default\//, '')} -> ${to}`),
    [outcome, status, sayMs(ms)].filter(Boolean).join(', '),
    ...(hops.length === 0 ? [] : [agreement]),
  ]
  const line = parts.join('    ')
  return width === 0 || stripVTControlCharacters(line).length <= width
    ? [line]
    : parts.map((part, at) => (at === 0 ? part : `  ${part}`))
}

const words: Record<Trace['verdict'], string> = {
  delivered: 'delivered',
  refused: 'refused',
  rejected: 'rejected',
  dropped: 'dropped',
  unreachable: 'unreachable',
  'no-answer': 'no answer',
  'name-not-found': 'name not found',
}

/** `web = web.shop.svc.cluster.local = 100.64.12.7    1 question to 100.64.0.10, 0.3 ms, answered by cluster: service shop/web` */
function renderName({ dns, to }: Trace): string {
  const last = dns.at(-1)
  if (!last) return ''
  const asked = /^[a-z]+:\/\/([^:/?#]+)|^([^:/]+)/.exec(to)
  const name = asked?.[1] ?? asked?.[2] ?? last.question
  const found = dns.find(({ answers }) => answers.length > 0)
  const questions = `${dns.length} question${dns.length === 1 ? '' : 's'} to ${servers(dns)}, ${sayMs(dns.reduce((sum, { ms }) => sum + ms, 0))}`
  if (!found)
    return `name     ${name}: ${[...new Set(dns.map(({ question, rcode }) => `${question} ${rcode}`))].join('; ')}    ${questions}`
  const addresses = found.answers.filter((answer) => !answer.includes('->')).join(', ')
  // Other names alone lead nowhere.
  const end = addresses || `${found.answers.at(-1)?.split(' -> ')[1]}, which has no address`
  const chain = [...new Set([name, found.question, end])]
  const source = found.answeredBy === undefined ? '' : `, answered by ${found.answeredBy}`
  return `name     ${chain.join(' = ')}    ${found.server === '/etc/hosts' ? 'from the pod’s hosts file' : questions + source}`
}

function servers(dns: readonly DnsStep[]): string {
  return [...new Set(dns.map(({ server, by }) => (by === undefined ? server : `${server} (${by})`)))].join(', ')
}

function renderHop(
  hop: Hop,
  number: number,
  columns: { place: number; label: number },
  options: TextOptions,
  paint: Paint,
): string[] {
  const start = `${String(number).padStart(2)}  ${hop.place.padEnd(columns.place)}  ${labelOf(hop).padEnd(columns.label)}  `
  const indent = start.length
  const style =
    hop.action === 'rejected' || hop.action === 'dropped' ? 'red' : hop.action === 'translated' ? 'cyan' : undefined
  const told = wrapped(`${start}${hop.say}`, indent, options.width)
  const lines =
    style === undefined
      ? told
      : told.map((text, at) => (at === 0 ? start + paint(style, text.slice(indent)) : paint(style, text)))
  if (!options.verbose) return lines
  const time = hop.us === undefined ? '' : `+${hop.us.toFixed(1)} us  `
  const change = hop.after ? `${hop.packet.src} > ${hop.packet.dst} becomes ${hop.after.src} > ${hop.after.dst}; ` : ''
  const evidence = `${' '.repeat(indent)}${time}${hop.because.kind}: ${change}${hop.because.text}`
  return [...lines, ...wrapped(evidence, indent + 2, options.width).map((text) => paint('dim', text))]
}

/** Where on the machine: a device, or the part that decided. */
function labelOf({ component, device, place, node }: Hop): string {
  if (component === 'proxy' || component === 'policy') return component
  return component === 'route' && place === node && device === 'eth0' && place === 'router' ? 'table' : device
}

function renderWhy({ why, verdict }: Trace, options: TextOptions, paint: Paint): string[] {
  if (why.length === 0) return []
  const styles = { error: 'red', warning: 'yellow', info: 'dim' } as const
  const lines = why.flatMap(({ level, say, fix }) => [
    ...wrapped(`  ${say}`, 2, options.width).map((text) => paint(styles[level], text)),
    ...wrapped(`  -> ${fix}`, 5, options.width),
  ])
  return ['', verdict === 'delivered' ? 'note' : 'why', ...lines]
}

function sayMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

/** Breaks a line between words; what follows is indented. A word longer than the line stays whole. */
export function wrapped(text: string, indent: number, width: number): string[] {
  if (text === '') return []
  const room = Math.max(width, indent + 30)
  if (width === 0 || stripVTControlCharacters(text).length <= room) return [text]
  const lines: string[] = []
  let rest = text
  while (rest.length > room) {
    const at = rest.lastIndexOf(' ', room)
    const cut = at > indent ? at : rest.indexOf(' ', room)
    if (cut < 0) break
    lines.push(rest.slice(0, cut).trimEnd())
    rest = ' '.repeat(indent) + rest.slice(cut + 1).trimStart()
  }
  return [...lines, rest]
}
