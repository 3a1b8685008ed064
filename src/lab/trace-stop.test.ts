import assert from 'node:assert/strict'
import { test } from 'node:test'
import { traceStopPath, TraceStops } from './trace-stop.ts'

const never = new AbortController().signal

test('who wished for many requests ends them by their id, and nobody after they have ended', async () => {
  const stops = new TraceStops()
  const end = stops.extensions()[traceStopPath]
  assert.ok(end)
  const stopped = await stops.during('a', async (stop) => {
    await assert.rejects(async () => end({ id: 'b' }, never), { code: 404 })
    assert.equal(stop.aborted, false)
    await end({ id: 'a' }, never)
    return stop.aborted
  })
  assert.equal(stopped, true)
  await assert.rejects(async () => end({ id: 'a' }, never), { code: 404 })
})
