import { describeMachine } from '../harness/machine.ts'
import type { Report } from '../harness/report.ts'
import { panel } from './panel.ts'
import { type Line, pointsOf } from './series.ts'
import { escape } from './shapes.ts'
import { style } from './style.ts'

const size = { width: 1180, height: 520 }

const whole: readonly Line[] = [
  { name: 'kube-proxy', look: 'peer', line: 'whole', peer: 'kube-proxy' },
  { name: 'its layout, nft -f', look: 'peer-thin', line: 'whole', peer: 'layout' },
  { name: 'Kubehop', look: 'ours', line: 'whole' },
]
const change: readonly Line[] = [
  { name: 'kube-proxy', look: 'peer', line: 'event', peer: 'kube-proxy' },
  { name: 'its layout, one nft call', look: 'peer-thin', line: 'kernel', peer: 'nft' },
  { name: 'Kubehop, 99 of 100', look: 'ours-thin', line: 'event99' },
  { name: 'Kubehop', look: 'ours', line: 'event' },
  { name: 'of that, the kernel', look: 'ours-thin', line: 'kernel' },
]

/** The results of the bench `services` as a drawing for docs/, which goes with a light page and a dark one. */
export function drawServices(report: Report): string {
  const drawn = (lines: readonly Line[]) =>
    lines.map((line) => ({ line, points: pointsOf(report.rows, line) })).filter(({ points }) => points.length > 0)
  const half = size.width / 2
  const box = { y: 6, width: half, height: size.height - 40 }
  const first = { title: 'All services at once', under: 'from the objects to the commit', lines: drawn(whole) }
  const second = {
    title: 'One endpoint or service more or less',
    under: 'from the watch event to the commit',
    lines: drawn(change),
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-labelledby="title desc">
<title id="title">How long services take to reach the kernel</title>
<desc id="desc">Two charts over the number of services, logarithmic. Left: all services at once. Right: one change. Each with Kubehop, kube-proxy, and kube-proxy's layout through nft.</desc>
<style>${style}</style>
<rect class="card" x="0.5" y="0.5" width="${size.width - 1}" height="${size.height - 1}" rx="12"/>
${panel(first, { ...box, x: 8 })}
${panel(second, { ...box, x: half })}
<text class="soft" x="24" y="${size.height - 16}">${escape(footer(report))}</text>
</svg>
`
}

function footer({ machine, date }: Report): string {
  return `3 endpoints a service; one core for each process; medians, bars to the quartiles. ${describeMachine(machine)}. ${date}`
}
