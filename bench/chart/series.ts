import type { Figure, Row } from '../harness/bench.ts'

export interface Point {
  readonly x: number
  readonly figure: Figure
}

/** A line to draw: what it is called, and which rows' figures, or peers' figures, are its points. */
export interface Line {
  readonly name: string
  readonly look: 'ours' | 'ours-thin' | 'peer' | 'peer-thin'
  /** Rows of this line; with `peer`, the figures of that peer in them. */
  readonly line: string
  readonly peer?: string
}

/** The points of a line among all rows of a bench, from left to right. */
export function pointsOf(rows: readonly Row[], { line, peer }: Line): Point[] {
  const points = new Map<number, Point>()
  for (const { point, figure, peer: beside } of rows) {
    if (point?.line !== line || (peer !== undefined && point.peerLine !== peer)) continue
    const of = peer === undefined ? figure : beside?.figure
    if (of) points.set(point.x, { x: point.x, figure: of })
  }
  return [...points.values()].sort((a, b) => a.x - b.x)
}
