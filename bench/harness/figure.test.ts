import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Row } from './bench.ts'
import { figure, ratio, tail } from './figure.ts'

test('a figure is the median and the quartiles of its rounds, in any order', () => {
  assert.deepEqual(figure([5, 1, 3, 2, 4]), { median: 3, quartiles: [2, 4], rounds: 5 })
  assert.deepEqual(figure([1, 2]), { median: 1.5, quartiles: [1.25, 1.75], rounds: 2 })
  assert.deepEqual(figure([7]), { median: 7, quartiles: [7, 7], rounds: 1 })
  assert.throws(() => figure([]), RangeError)
})

test('the tail is taken block by block, so that one bad moment does not spoil it', () => {
  const quiet = Array.from({ length: 101 }, (_, at) => at)
  const busy = quiet.map((value) => value * 1000)
  assert.equal(tail([...quiet, ...busy, ...quiet], 0.9, 101).median, 90)
  assert.equal(tail([5], 0.99, 100).median, 5)
})

test('a ratio above 1 is better than the peer, for times and for speeds', () => {
  const row = (better: Row['better'], ours: number, theirs: number): Row => ({
    what: '',
    unit: '',
    better,
    figure: figure([ours]),
    peer: { what: '', figure: figure([theirs]) },
  })
  assert.equal(ratio(row('lower', 2, 8)), 4)
  assert.equal(ratio(row('higher', 9, 10)), 0.9)
  assert.equal(ratio({ what: '', unit: '', better: 'lower', figure: figure([1]) }), undefined)
})
