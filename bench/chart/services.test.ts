import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Figure, Row } from '../harness/bench.ts'
import { figure } from '../harness/figure.ts'
import { type Report, reportOf } from '../harness/report.ts'
import { logScale, sayTime } from './scale.ts'
import { drawServices } from './services.ts'

const row = (line: string, x: number, own: Figure, peer?: { line: string; figure: Figure }): Row => ({
  what: '',
  unit: 'ms',
  better: 'lower',
  figure: own,
  ...(peer && { peer: { what: '', figure: peer.figure } }),
  point: { line, x, ...(peer && { peerLine: peer.line }) },
})

test('every line that has figures is drawn with its name and its last value, and no other', () => {
  const report: Report = reportOf('services', '', true, {
    rows: [
      row('whole', 10, figure([2]), { line: 'layout', figure: figure([5]) }),
      row('whole', 10_000, figure([300, 310, 350]), { line: 'layout', figure: figure([80_000]) }),
      row('event', 10, figure([0.3])),
      row('event', 100_000, figure([0.4])),
    ],
  })
  const drawing = drawServices(report)
  for (const said of ['its layout, nft -f', '80 s', 'Kubehop', '310 ms', '0.4 ms', '100,000'])
    assert.ok(drawing.includes(`>${said}<`), said)
  for (const absent of ['>kube-proxy<', 'NaN', 'undefined', 'Infinity']) assert.ok(!drawing.includes(absent), absent)
  assert.equal(drawing.match(/<polyline/g)?.length, 3)
})

test('an axis reaches over whole decades, and times are said in the unit that fits', () => {
  const scale = logScale([0.03, 400], 0, 100)
  assert.deepEqual(scale.ticks.map(sayTime), ['10 µs', '0.1 ms', '1 ms', '10 ms', '100 ms', '1 s'])
  assert.equal(scale.at(1000), 100)
  assert.deepEqual([0.0288, 0.412, 26.83, 26_780].map(sayTime), ['28.8 µs', '0.41 ms', '26.8 ms', '26.8 s'])
})
