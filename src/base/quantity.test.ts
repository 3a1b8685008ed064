import assert from 'node:assert/strict'
import { test } from 'node:test'
import { millis, quantity } from './quantity.ts'

test('sizes are read as Kubernetes writes them', () => {
  assert.deepEqual(['64Mi', '1.5Gi', '100', '2k', '1e3'].map(quantity), [67_108_864, 1_610_612_736, 100, 2000, 1000])
  assert.deepEqual(['100m', '0.1', '1', '1.0005', '2k'].map(millis), [100, 100, 1000, 1001, 2_000_000])
  assert.deepEqual(
    ['.5', '+1', '2.', '1e-3', '2E3', '0.1234567890123'].map(millis),
    [500, 1000, 2000, 1, 2_000_000, 124],
  )
  for (const text of ['', '.', '+', 'x', '-1', '1MiB', '1e400', '1e', '1 k'])
    assert.throws(() => quantity(text), TypeError)
})
