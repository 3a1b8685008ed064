import assert from 'node:assert/strict'
import { test } from 'node:test'
import { timeoutOf } from './flags.ts'

test('a time-out that is none says which there are', () => {
  assert.deepEqual([timeoutOf(undefined), timeoutOf('0.5'), timeoutOf('100')], [undefined, 500, 100_000])
  assert.deepEqual([timeoutOf('1.0005'), timeoutOf('0.0001')], [1001, 1], 'whole milliseconds, and never none')
  for (const text of ['0', '-1', '101', 'soon', ''])
    assert.throws(() => timeoutOf(text), {
      message: `--timeout is a number of seconds above 0 and up to 100, not "${text}"`,
    })
})
