import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../api/objects/pod.ts'
import { graceMsOf } from './grace.ts'

const now = Date.parse('2026-01-02T03:04:10.500Z')
const pod = (metadata: Partial<Pod['metadata']>, terminationGracePeriodSeconds?: number): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', ...metadata },
  spec: { containers: [], ...(terminationGracePeriodSeconds !== undefined && { terminationGracePeriodSeconds }) },
})

test('the grace is what the deletion grants, then what the spec says, then half a minute', () => {
  assert.equal(graceMsOf(pod({}), now), 30_000)
  assert.equal(graceMsOf(pod({}, 5), now), 5000)
  const deletionTimestamp = '2026-01-02T03:04:10Z'
  assert.equal(graceMsOf(pod({ deletionTimestamp, deletionGracePeriodSeconds: 0 }, 5), now), 0)
})

test('an agent that comes later has only the rest of it', () => {
  const deletionTimestamp = '2026-01-02T03:04:20Z'
  assert.equal(graceMsOf(pod({ deletionTimestamp, deletionGracePeriodSeconds: 30 }), now), 10_500)
  assert.equal(graceMsOf(pod({ deletionTimestamp: '2026-01-02T03:04:00Z', deletionGracePeriodSeconds: 30 }), now), 0)
})
