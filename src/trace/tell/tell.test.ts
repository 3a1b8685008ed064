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

test('the last hop says of the connection what the verdict says of the request', () => {
  const last = (outcome: 'answered' | 'connected'): string | undefined =>
    tell({ ...told, result: { kind: 'sent', outcome, ms: 1 } }).reply.at(-1)?.say
  assert.equal(last('answered'), 'client has its answer, from 100.64.0.20:80, whom it asked')
  assert.equal(
    last('connected'),
    'client is connected to 100.64.0.20:80, whom it asked; nothing that it understands came over the connection',
  )
})
