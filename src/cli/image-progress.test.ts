import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullProgress } from './image-progress.ts'

test('one line tells how far all layers are; those that are there do not count as bytes to come', () => {
  const progress = new PullProgress()
  progress.take({ kind: 'found', digest: 'sha256:x', layers: 3, bytes: 6_000_000 })
  assert.equal(progress.line, '0 of 3 layers, 0 B of 6.0 MB')
  progress.take({ kind: 'layer', index: 0, state: 'there', received: 0, size: 1_000_000 })
  progress.take({ kind: 'layer', index: 1, state: 'downloading', received: 500_000, size: 2_000_000 })
  progress.take({ kind: 'layer', index: 2, state: 'downloading', received: 250_000, size: 3_000_000 })
  assert.equal(progress.line, '1 of 3 layers, 750.0 kB of 5.0 MB')
  const again = progress.take({ kind: 'retry', index: 1, because: 'it broke' })
  assert.deepEqual(again, ['layer 2 of 3: once more, because it broke'])
  progress.take({ kind: 'layer', index: 1, state: 'unpacking', received: 2_000_000, size: 2_000_000 })
  progress.take({ kind: 'layer', index: 1, state: 'done', received: 2_000_000, size: 2_000_000 })
  assert.equal(progress.line, '2 of 3 layers, 2.3 MB of 5.0 MB')
})
