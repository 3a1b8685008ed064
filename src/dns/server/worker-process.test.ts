import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { collectGarbage } from '../../base/garbage.ts'
import { WorkerProcess } from './worker-process.ts'

/** Says what it counts, as workers do. */
const script = `process.on('message', ({ whole }) => process.send({ kind: 'measured', whole, cells: new Float64Array(1), families: [] }))`

test('a worker that is asked again and again leaves nothing behind, and what it was asked last fails when it ends', async () => {
  const worker = new WorkerProcess(1, () =>
    spawn(process.execPath, ['-e', script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    }),
  )
  const ask = async (times: number): Promise<number> => {
    for (let at = 0; at < times; at++) await worker.measure(false, 10_000)
    return usedMemory()
  }
  const before = await ask(1000)
  const after = await ask(4000)
  // A kilobyte for each question is a hundred megabytes a day.
  assert.ok(after - before < 1_000_000, `${before} bytes became ${after}`)

  worker.kill()
  // So long that its end of the channel is closed, and nobody here knows yet.
  for (const killed = performance.now(); performance.now() - killed < 20; );
  await assert.rejects(worker.measure(false, 10_000), /it ended: SIGKILL/)
  assert.equal(await worker.ended, 'SIGKILL')
  await assert.rejects(worker.measure(false, 10_000), /it ended: SIGKILL/)
})

test('a worker that cannot be started has ended', async () => {
  const worker = new WorkerProcess(1, () => spawn('/nonexistent', { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }))
  assert.match(await worker.ended, /ENOENT/)
  await assert.rejects(worker.measure(false, 10_000), /it ended: .*ENOENT/)
})

function usedMemory(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
