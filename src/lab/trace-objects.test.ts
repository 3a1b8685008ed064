// Trace objects and who answers them, over a real API: what a lab that ended in the middle left, and what is new.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TraceObject } from '../api/objects/trace.ts'
import { testApi } from '../api/testing.ts'
import { makeLog } from '../base/log.ts'
import type { Trace } from '../trace/types.ts'
import type { ObjectWish } from '../trace/object/wish.ts'
import { answerTraces } from './trace-objects.ts'

const log = makeLog('test', 'error')
const traceObject = (name: string): Pick<TraceObject, 'spec'> & { metadata: { name: string; namespace: string } } => ({
  metadata: { name, namespace: 'default' },
  spec: { source: { pod: 'client' }, destination: { service: 'web' } },
})

test('a trace that a lab was in the middle of when it ended is Failed and says so; it is not sent again, and what was never sent is', async () => {
  await using cluster = await testApi()
  const { client } = cluster.api
  for (const name of ['interrupted', 'done', 'waiting']) await client.create('Trace', traceObject(name))
  const startTime = '2026-01-02T03:04:05Z'
  const was = { interrupted: { phase: 'Running', startTime }, done: { phase: 'Succeeded', startTime } }
  for (const [name, status] of Object.entries(was)) await client.patch('Trace', name, 'default', { status }, 'status')

  const ended = Promise.withResolvers<void>()
  const phases = new Map<string, TraceObject['status']>()
  const sent: ObjectWish[] = []
  answerTraces(
    cluster.api.clientFor('trace'),
    async (wish): Promise<Trace> => {
      sent.push(wish)
      throw new Error('no pod of that name')
    },
    log,
  )
  client.follow('Trace', {
    onChange({ object }) {
      phases.set(object.metadata.name, object.status)
      if (['interrupted', 'waiting'].every((name) => phases.get(name)?.phase === 'Failed')) ended.resolve()
    },
  })
  await ended.promise
  assert.deepEqual(phases.get('interrupted'), {
    phase: 'Failed',
    startTime,
    reason: 'it was interrupted: make another one',
  })
  assert.equal(phases.get('waiting')?.reason, 'no pod of that name')
  assert.deepEqual(phases.get('done'), was.done)
  assert.deepEqual(
    sent.map(({ from, to }) => [from, to]),
    [['default/pod/client', 'default/svc/web']],
  )
})
