import assert from 'node:assert/strict'
import { test } from 'node:test'
import { told } from '../testing/across.ts'
import { tell } from './tell.ts'

test('what could not be watched is said, and is no disagreement', () => {
  const without = told.observations.filter((one) => !('place' in one) || one.place.node !== 'router')
  const trace = tell({ ...told, observations: [...without, { kind: 'unwatched', node: 'router', say: 'gone' }] })
  assert.equal(trace.agrees, true)
  assert.deepEqual(
    trace.why.map(({ code, say }) => `${code}: ${say}`),
    ['Unwatched: router could not be watched: gone'],
  )
  // Without that word, the missing router is a disagreement.
  const silent = tell({ ...told, observations: without })
  assert.equal(silent.agrees, false)
  assert.match(silent.why[0]?.say ?? '', /^predicted was router \(.+\): route forwarded, seen was node2 \(/)
})
