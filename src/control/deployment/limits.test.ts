import assert from 'node:assert/strict'
import { test } from 'node:test'
import { object } from '../testing.ts'
import { maxSurge, maxUnavailable } from './limits.ts'

test('surge is rounded up, unavailability down, and never both nothing', () => {
  const rows: [number, string | number, string | number, number, number][] = [
    [4, '25%', '25%', 1, 1],
    [3, '25%', '25%', 1, 0],
    [1, '25%', '25%', 1, 0],
    [10, '25%', '25%', 3, 2],
    [10, 2, '30%', 2, 3],
    [2, 0, '25%', 0, 1],
    [2, 0, 5, 0, 2],
    [0, '25%', '25%', 0, 0],
  ]
  for (const [replicas, surge, unavailable, expectedSurge, expectedUnavailable] of rows) {
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } }
    const deployment = object('Deployment', 'web', { spec: { replicas, strategy } })
    assert.deepEqual(
      [maxSurge(deployment), maxUnavailable(deployment)],
      [expectedSurge, expectedUnavailable],
      JSON.stringify(strategy),
    )
  }
})
