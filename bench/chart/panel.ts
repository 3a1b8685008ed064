import { logScale, sayCount, sayTime, type Scale } from './scale.ts'
import type { Line, Point } from './series.ts'
import { round, rule, text } from './shapes.ts'

export interface Drawn {
  readonly line: Line
  readonly points: readonly Point[]
}

export interface Panel {
  readonly title: string
  readonly under: string
  readonly lines: readonly Drawn[]
}

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Room beside the axes: for the numbers on the left, for the lines' names on the right. */
const room = { left: 62, right: 168, top: 64, bottom: 46 }
const labelHeight = 34

/** One chart of times over numbers of services, both logarithmic; every line has its name and last value at its end. */
export function panel({ title, under, lines }: Panel, box: Box): string {
  const all = lines.flatMap(({ points }) => points)
  const [left, right] = [box.x + room.left, box.x + box.width - room.right]
  const [top, bottom] = [box.y + room.top, box.y + box.height - room.bottom]
  const x = logScale(
    all.map((point) => point.x),
    left,
    right,
  )
  const y = logScale(
    all.flatMap(({ figure }) => [figure.median, ...figure.quartiles]),
    bottom,
    top,
  )
  const ends = apart(lines.map((drawn) => labelOf(drawn, x, y)))
  return [
    text(box.x + 16, box.y + 26, title, 'title'),
    text(box.x + 16, box.y + 45, under, 'soft'),
    ...y.ticks.flatMap((tick) => [
      rule(left, y.at(tick), right, y.at(tick)),
      text(left - 8, y.at(tick) + 4, sayTime(tick), 'tick end'),
    ]),
    ...x.ticks.map((tick) => text(x.at(tick), bottom + 20, sayCount(tick), 'tick mid')),
    text((left + right) / 2, bottom + 38, 'services', 'soft mid'),
    ...lines.map((drawn) => lineOf(drawn, x, y)),
    ...ends.map(({ x: at, y: down, drawn }) => {
      const { name, look } = drawn.line
      const last = drawn.points.at(-1)?.figure.median ?? 0
      return text(at, down, name, `label ${look}`) + text(at, down + 15, sayTime(last), `value ${look}`)
    }),
  ].join('\n')
}

function lineOf({ line, points }: Drawn, x: Scale, y: Scale): string {
  const places = points.map((point) => `${round(x.at(point.x))},${round(y.at(point.figure.median))}`)
  const marks = points.map(({ x: services, figure }) => {
    const [low, high] = figure.quartiles
    const at = round(x.at(services))
    return (
      `<path class="spread ${line.look}" d="M${at} ${round(y.at(low))}V${round(y.at(high))}"/>` +
      `<circle class="dot ${line.look}" cx="${at}" cy="${round(y.at(figure.median))}" r="4"/>`
    )
  })
  return [`<polyline class="line ${line.look}" points="${places.join(' ')}"/>`, ...marks].join('\n')
}

interface Label {
  readonly x: number
  y: number
  readonly drawn: Drawn
}

function labelOf(drawn: Drawn, x: Scale, y: Scale): Label {
  const last = drawn.points.at(-1)
  return { x: (last ? x.at(last.x) : 0) + 12, y: last ? y.at(last.figure.median) - 2 : 0, drawn }
}

/** Names that would cover each other are moved apart, the lower one down. */
function apart(labels: readonly Label[]): Label[] {
  const placed: Label[] = []
  for (const label of [...labels].sort((a, b) => a.y - b.y)) {
    const above = placed.filter((other) => Math.abs(other.x - label.x) < room.right).at(-1)
    placed.push({ ...label, y: above ? Math.max(label.y, above.y + labelHeight) : label.y })
  }
  return placed
}
