import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inside } from '../../scripts/inside.ts'

test('what runs inside tells how it ended', async () => {
  assert.equal(await inside(['-e', 'process.exit(process.pid === 2 ? 7 : 8)'], process.env, 'kubehop test'), 7)
})

test('what runs inside for too long is ended', { timeout: 20_000 }, async () => {
  assert.equal(await inside(['-e', 'setInterval(() => {}, 1000)'], process.env, 'kubehop test', 1000), 128 + 9)
})
