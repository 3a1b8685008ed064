import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countedAfter, delayBefore, goDuration, usualBackoff } from './backoff.ts'

test('the first restart is at once, the next after 10 s, doubling to 5 minutes', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((restart) => delayBefore(restart, usualBackoff) / 1000)
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300, 300])
})

test('ten minutes of running make the next restart a first one', () => {
  assert.equal(countedAfter(7, 599_999, usualBackoff), 8)
  assert.equal(countedAfter(7, 600_000, usualBackoff), 1)
})

test('delays read as kubelet writes them', () => {
  assert.deepEqual([10_000, 80_000, 300_000, 200].map(goDuration), ['10s', '1m20s', '5m0s', '200ms'])
})
