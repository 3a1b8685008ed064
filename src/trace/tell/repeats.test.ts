import assert from 'node:assert/strict'
import { test } from 'node:test'
import { told } from '../testing/across.ts'
import { Tally } from './repeats.ts'
import { tell } from './tell.ts'

test('a share is expected only while the service has the endpoints that it was counted for', () => {
  const expected = (...shares: [string, number][]): (number | undefined)[] =>
    new Tally(told, tell(told)).repeats(1, new Map(shares)).outcomes.map((one) => one.expected)
  assert.deepEqual(expected(['100.96.2.2', 0.5], ['100.96.2.9', 0.5]), [0.5])
  // The request came to 100.96.2.2, which was none of the service's when it began.
  assert.deepEqual(expected(['100.96.2.8', 0.5], ['100.96.2.9', 0.5]), [undefined])
})
