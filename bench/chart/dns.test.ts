import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Row } from '../harness/bench.ts'
import { figure } from '../harness/figure.ts'
import { reportOf } from '../harness/report.ts'
import { drawDns } from './dns.ts'

const row = (line: string, ours: number, peer?: { what: string; value: number }): Row => ({
  what: '',
  unit: '',
  better: 'higher',
  figure: figure([ours]),
  ...(peer && { peer: { what: peer.what, figure: figure([peer.value]) } }),
  point: { line, x: 10_000 },
})

test('every contestant that has figures has one bar in each group, ours first, and absent groups are not drawn', () => {
  const rows = [
    row('mix', 200_400, { what: 'echo', value: 210_000 }),
    row('mix', 200_400, { what: 'CoreDNS', value: 28_000 }),
    row('half99', 0.4),
  ]
  const drawing = drawDns(reportOf('dns', '', true, { rows }))
  assert.equal(drawing.match(/<rect class="bar/g)?.length, 4)
  assert.deepEqual(
    [...drawing.matchAll(/class="tick end"[^>]*>([^<]+)</g)].map(([, name]) => name),
    ['Kubehop', 'CoreDNS', 'echo', 'Kubehop'],
  )
  for (const said of ['200,000', '28,000', '0.40 ms', 'At half load, 99 of 100 within'])
    assert.ok(drawing.includes(`>${said}<`), said)
  for (const absent of ['unbound<', 'Search-list misses', 'NaN', 'undefined', 'Infinity'])
    assert.ok(!drawing.includes(absent), absent)
})
