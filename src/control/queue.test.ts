import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeQueue, type Queue } from './queue.ts'
import { manualClock } from './testing.ts'

const settled = (): Promise<void> => new Promise((done) => setImmediate(done))

test('a key that is added many times runs once, and once more when it is added while it runs', async () => {
  const runs: string[] = []
  const gate = Promise.withResolvers<void>()
  const queue = makeQueue({
    clock: manualClock(),
    failed: assert.fail,
    async work(key) {
      runs.push(key)
      if (runs.length === 1) await gate.promise
      return undefined
    },
  })
  queue.add('a')
  queue.add('a')
  await settled()
  assert.deepEqual(runs, [], 'nothing runs before it is opened')
  queue.open()
  await settled()
  queue.add('a')
  queue.add('a')
  queue.add('b')
  await settled()
  assert.deepEqual(runs, ['a', 'b'], 'the same key never twice at a time, another one beside it')
  gate.resolve()
  await settled()
  assert.deepEqual(runs, ['a', 'b', 'a'])
})

test('a failing key is tried again, later each time, and from the start after a success', async () => {
  const clock = manualClock()
  const waits: number[] = []
  let broken = true
  let runs = 0
  const queue = makeQueue({
    clock,
    failed: (_, __, retryMs) => waits.push(retryMs),
    async work() {
      runs++
      if (broken) throw new Error('no')
      return undefined
    },
  })
  queue.open()
  queue.add('a')
  await settled()
  for (let i = 0; i < 15; i++) {
    clock.move(waits.at(-1) ?? 0)
    await settled()
  }
  assert.deepEqual(waits.slice(0, 4), [5, 10, 20, 40])
  assert.equal(waits.at(-1), 30_000)
  broken = false
  clock.move(30_000)
  await settled()
  broken = true
  queue.add('a')
  await settled()
  assert.equal(waits.at(-1), 5)
  assert.equal(runs, 18)
})

test('a key runs again after the time that its work asked for, and only once when something else comes first', async () => {
  const clock = manualClock()
  const at: number[] = []
  const begun = clock.now()
  const queue: Queue = makeQueue({
    clock,
    failed: assert.fail,
    async work() {
      at.push(clock.now() - begun)
      return 100
    },
  })
  queue.open()
  queue.add('a')
  await settled()
  clock.move(60)
  queue.add('a')
  await settled()
  clock.move(60)
  await settled()
  clock.move(40)
  await settled()
  assert.deepEqual(at, [0, 60, 160])
  queue.close()
  clock.move(1000)
  await settled()
  assert.equal(at.length, 3, 'nothing runs after it is closed')
})

test('no more keys are under way at once than allowed, and all get their turn', async () => {
  let under = 0
  let most = 0
  const done = new Set<string>()
  const queue = makeQueue({
    clock: manualClock(),
    failed: assert.fail,
    parallel: 3,
    async work(key) {
      most = Math.max(most, ++under)
      await settled()
      under--
      done.add(key)
      return undefined
    },
  })
  queue.open()
  for (let i = 0; i < 20; i++) queue.add(String(i))
  while (done.size < 20) await settled()
  assert.equal(most, 3)
})
