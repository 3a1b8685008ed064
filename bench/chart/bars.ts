import type { Figure } from '../harness/bench.ts'
import type { Box } from './panel.ts'
import type { Line } from './series.ts'
import { round, text } from './shapes.ts'

export interface Bar {
  readonly name: string
  readonly look: Line['look']
  readonly figure: Figure
}

/** Bars that belong together. */
export interface Group {
  readonly title: string
  readonly bars: readonly Bar[]
}

export interface Bars {
  readonly title: string
  readonly under: string
  readonly groups: readonly Group[]
  readonly say: (value: number) => string
}

/** Above the first group; of a group's title; of a bar and the space to the next; between groups. */
const rows = { top: 62, title: 22, bar: 20, gap: 14 }
const room = { left: 96, right: 92 }

/** Lying bars over one linear scale, each with its name before it and its value behind. */
export function bars({ title, under, groups, say }: Bars, box: Box): string {
  const most = Math.max(...groups.flatMap((group) => group.bars.map(({ figure }) => figure.quartiles[1])))
  const from = box.x + room.left
  const wide = (value: number): number => (value / most) * (box.width - room.left - room.right)
  const parts = [text(box.x + 16, box.y + 26, title, 'title'), text(box.x + 16, box.y + 45, under, 'soft')]
  let y = box.y + rows.top
  for (const group of groups) {
    parts.push(text(box.x + 16, y + 14, group.title, 'label'))
    y += rows.title
    for (const { name, look, figure } of group.bars) {
      const [low, high] = figure.quartiles
      const middle = y + rows.bar / 2
      parts.push(
        text(from - 8, middle + 4, name, 'tick end'),
        `<rect class="bar ${look}" x="${from}" y="${round(y + 3)}" width="${round(wide(figure.median))}" height="${rows.bar - 6}" rx="2"/>`,
        `<path class="spread ${look}" d="M${round(from + wide(low))} ${middle}H${round(from + wide(high))}"/>`,
        text(from + wide(Math.max(figure.median, high)) + 8, middle + 4, say(figure.median), `value ${look}`),
      )
      y += rows.bar
    }
    y += rows.gap
  }
  return parts.join('\n')
}

/** How high they are. */
export function heightOf(groups: readonly Group[]): number {
  return groups.reduce((sum, group) => sum + rows.title + group.bars.length * rows.bar + rows.gap, rows.top)
}
