// A lab that went leaves the machine as it was.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rounds } from '../../scripts/rounds.ts'

test('rounds of up and down leave no process, namespace, mount, link or file', async () => {
  const { left } = await rounds(3)
  assert.deepEqual(left, [])
})
