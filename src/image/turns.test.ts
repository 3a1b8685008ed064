import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from './turns.ts'

test('so many run at once, and the others in their order; who is called off does not run', async () => {
  const turns = new Turns(2)
  const stop = new AbortController()
  const reason = new Error('off')
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const take = (name: string, signal?: AbortSignal): Promise<string> =>
    turns.take(() => {
      begun.push(name)
      return new Promise((resolve) => ends.set(name, () => resolve(name)))
    }, signal)
  const all = [take('a'), take('b'), take('c', stop.signal), take('d', stop.signal), take('e')]
  assert.deepEqual(begun, ['a', 'b'])
  ends.get('b')?.()
  assert.equal(await all[1], 'b')
  assert.deepEqual(begun, ['a', 'b', 'c'])
  stop.abort(reason)
  await assert.rejects(all[3] ?? Promise.resolve(), reason)
  await assert.rejects(take('f', stop.signal), reason)
  ends.get('a')?.()
  await all[0]
  assert.deepEqual(begun, ['a', 'b', 'c', 'e'])
  // Whose turn had come goes on.
  ends.get('c')?.()
  ends.get('e')?.()
  assert.deepEqual(await Promise.all([all[2], all[4]]), ['c', 'e'])
})

test('a turn that fails makes room, too', async () => {
  const turns = new Turns(1)
  await assert.rejects(
    turns.take(() => Promise.reject(new Error('x'))),
    /x/,
  )
  assert.equal(await turns.take(() => Promise.resolve(1)), 1)
})
