import type { Row } from '../harness/bench.ts'
import { describeMachine } from '../harness/machine.ts'
import type { Report } from '../harness/report.ts'
import { type Bar, bars, type Group, heightOf } from './bars.ts'
import { escape } from './shapes.ts'
import { style } from './style.ts'

const width = 1180

/** Left: what a second of a core is worth. Right: what a client and a change wait for. */
const rates: readonly Wanted[] = [
  { line: 'mix', title: 'As pods ask: A and AAAA, search lists, SRV, PTR' },
  { line: 'services', title: 'A of services' },
  { line: 'misses', title: 'Search-list misses' },
  { line: 'headless', title: 'A of headless services' },
]
const waits: readonly Wanted[] = [
  { line: 'half', title: 'At half load, question to answer' },
  { line: 'half99', title: 'At half load, 99 of 100 within' },
  { line: 'change', title: 'A change, event to the first answer that shows it' },
  { line: 'change99', title: 'A change, 99 of 100 within' },
]

interface Wanted {
  readonly line: string
  readonly title: string
}

const order = ['Kubehop', 'unbound', 'CoreDNS', 'echo']

/** The results of the bench `dns` as a drawing for docs/. */
export function drawDns(report: Report): string {
  const left = groupsOf(report.rows, rates)
  const right = groupsOf(report.rows, waits)
  const height = Math.max(heightOf(left), heightOf(right)) + 36
  const box = { y: 6, width: width / 2, height }
  const first = {
    title: 'Answers a second',
    under: 'of processor time, one core',
    groups: left,
    say: (value: number) => `${Math.round(value / 1000)},000`,
  }
  const second = { title: 'Waiting', under: 'milliseconds', groups: right, say: sayMs }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc">
<title id="title">How fast names are answered</title>
<desc id="desc">Bars. Left: answers a second of processor time, by kind of question. Right: how long a question and a change wait. Each for Kubehop, unbound, CoreDNS and a socket that only sends back.</desc>
<style>${style}</style>
<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="12"/>
${bars(first, { ...box, x: 8 })}
${bars(second, { ...box, x: width / 2 })}
<text class="soft" x="24" y="${height - 16}">${escape(footer(report))}</text>
</svg>
`
}

function groupsOf(rows: readonly Row[], wanted: readonly Wanted[]): Group[] {
  return wanted
    .map(({ line, title }) => ({ title, bars: barsOf(rows.filter(({ point }) => point?.line === line)) }))
    .filter((group) => group.bars.length > 0)
}

/** Our figure stands in every row, a peer's in one. */
function barsOf(rows: readonly Row[]): Bar[] {
  const [first] = rows
  if (!first) return []
  const peers = rows.flatMap(({ peer }): Bar[] =>
    peer ? [{ name: peer.what, look: lookOf(peer.what), figure: peer.figure }] : [],
  )
  const all: Bar[] = [{ name: 'Kubehop', look: 'ours', figure: first.figure }, ...peers]
  return all.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
}

function lookOf(name: string): Bar['look'] {
  return name === 'echo' ? 'peer-thin' : 'peer'
}

function sayMs(value: number): string {
  return value >= 1 ? `${value.toFixed(1)} ms` : `${value.toFixed(2)} ms`
}

function footer({ machine, date }: Report): string {
  return `echo: a socket of the same runtime that only sends back. 10,000 services, one core each server. ${describeMachine(machine)}. ${date}`
}
