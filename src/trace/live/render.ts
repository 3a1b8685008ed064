import { allVisible } from '../../base/visible.ts'
import { columns } from '../render/names.ts'
import { type Paint, painter, sayMs, type TextOptions } from '../render/paint.ts'
import { renderTrace } from '../render/text.ts'
import { words } from '../render/verdict.ts'
import { wrapped } from '../render/wrap.ts'
import type { Verdict } from '../types.ts'
import type { EstablishedFact } from './observation.ts'
import type { LiveEvent, LiveFlow, LiveTrace } from './types.ts'

/** To hold back the fast ones until a slow one is answered would show nothing just while somebody waits to see what is wrong. */
const order = 'each is told when it is answered, or given up: its number and time say when it began'

/** A watch as people read it, event by event: a head, a line for each connection, an account at the end. */
export function renderLive(told: LiveEvent, options: TextOptions): string {
  const event = allVisible(told)
  const paint = painter(options.color)
  switch (event.kind) {
    case 'watching':
      return `${paint('bold', `${event.from.replace(/^default\//, '')} -> ${event.to}`)}    watching ${event.watched} for ${event.seconds} s; nothing is sent\n${paint('dim', order)}\n`
    case 'flow': {
      const { story } = event.flow
      return `${renderFlow(event.flow, paint)}\n${options.verbose && story ? indented(renderTrace(story, options)) : ''}`
    }
    case 'summary':
      return renderSummary(event.trace, options, paint)
  }
}

/** `   7  19:40:01.123456  100.96.1.2:41000 -> 100.64.0.23:80 -> 100.96.1.3:8080 (near)  delivered  0.4 ms` */
function renderFlow(
  { number: place, at, src, dst, endpoint, pod, verdict, ms, tries }: LiveFlow,
  paint: Paint,
): string {
  const name = pod === undefined ? '' : ` (${pod.replace(/^.*\//, '')})`
  return [
    paint('dim', `${String(place).padStart(4)}  ${at.slice(11, -1)}`),
    `${[src, dst, ...(endpoint === undefined ? [] : [endpoint])].join(' -> ')}${name}`,
    painted(verdict, paint),
    `${sayMs(ms)}${tries === undefined ? '' : `, sent ${tries} times`}`,
  ].join('  ')
}

function renderSummary({ live }: LiveTrace, options: TextOptions, paint: Paint): string {
  const { seconds, begun, followed, verdicts, endpoints, answeredMs, flows, established, notes } = live
  const told = Object.entries(verdicts).map(([verdict, count]) => `${number(count)} ${words[verdict as Verdict]}`)
  const head =
    followed === 0
      ? [`nothing began in ${saySeconds(seconds)}`]
      : [
          `${followed === begun ? number(begun) : `${number(followed)} of ${number(begun)}`} ${begun === 1 ? 'connection' : 'connections'} followed in ${saySeconds(seconds)}`,
          told.join(', '),
          ...(answeredMs
            ? [
                `answered within ${sayMs(answeredMs.least)} to ${sayMs(answeredMs.most)}, half of them within ${sayMs(answeredMs.median)}`,
              ]
            : []),
        ]
  const shares = columns(endpoints.map(({ endpoint, pod, count }) => [number(count), endpoint, pod ?? '']))
  const lines = [
    '',
    paint('bold', head.join('; ')),
    ...(endpoints.length > 1 ? shares.map((line) => `  ${line}`) : []),
    ...renderEstablished(established, followed === 0, options),
    ...(notes.length === 0
      ? []
      : [
          '',
          'note',
          ...notes.flatMap((note) => wrapped(`  ${note}`, 2, options.width)).map((line) => paint('yellow', line)),
        ]),
  ]
  // Without the evidence one whole story is enough: what went wrong first.
  const failed = options.verbose
    ? undefined
    : flows.find(({ verdict, story }) => verdict !== 'delivered' && story)?.story
  return `${lines.join('\n')}\n${failed ? `\n${renderTrace(failed, options)}` : ''}`
}

/** What stands sends no first packet: who waits for one has to know. */
function renderEstablished(all: readonly EstablishedFact[], isHint: boolean, { width }: TextOptions): string[] {
  if (all.length === 0)
    return isHint
      ? wrapped(
          '  and nothing stands between the two: does the application run, and does it use this name, address and port?',
          2,
          width,
        )
      : []
  const rows = all.map(({ src, dst, servedBy, ...rest }) => [
    `${src} -> ${dst}${servedBy === undefined || servedBy === dst ? '' : ` -> ${servedBy}`}`,
    [
      rest.ageMs === undefined ? '' : `for ${sayAge(rest.ageMs)}`,
      rest.packets === undefined ? '' : `${number(rest.packets)} packets, ${number(rest.bytes ?? 0)} bytes`,
      rest.packetsOut === undefined ? '' : `${number(rest.packetsOut)} packets out, ${number(rest.packetsIn ?? 0)} in`,
      rest.bytesOut === undefined ? '' : `${number(rest.bytesOut)} bytes out, ${number(rest.bytesIn ?? 0)} in`,
      rest.idleMs === undefined ? '' : `idle for ${sayAge(rest.idleMs)}`,
      rest.forgottenInSeconds === undefined ? '' : `forgotten in ${rest.forgottenInSeconds} s`,
    ]
      .filter(Boolean)
      .join(', '),
  ])
  const what = `  ${all.length === 1 ? 'one stood already and goes' : `${all.length} stood already and go`} on (what is kept alive begins only once):`
  return ['', ...wrapped(what, 2, width), ...columns(rows).map((line) => `    ${line}`)]
}

/** `30 s`, `0.5 s`, `43 ms` */
function saySeconds(seconds: number): string {
  return seconds < 0.1 ? `${Math.round(seconds * 1000)} ms` : `${seconds} s`
}

/** `0.4 s`, `17 s`, `5 min`, `3 h` */
function sayAge(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 300_000) return `${Math.round(ms / 1000)} s`
  return ms < 18_000_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}

function painted(verdict: Verdict, paint: Paint): string {
  return paint(verdict === 'delivered' ? 'green' : 'red', words[verdict])
}

function number(value: number): string {
  return value.toLocaleString('en')
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '    ')
}
