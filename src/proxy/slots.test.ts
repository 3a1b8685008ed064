import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { settle } from './slots.ts'

test('endpoints that stay keep their slots, and every slot is taken once', () => {
  const list = fc.uniqueArray(fc.integer({ min: 0, max: 20 }))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 })), list, (before, wanted) => {
      const slots = settle(before, wanted)
      assert.deepEqual(slots.toSorted(), wanted.toSorted())
      for (const [slot, old] of before.entries())
        if (slot < slots.length && wanted.includes(old) && before.indexOf(old) === slot) assert.equal(slots[slot], old)
    }),
  )
})

test('the last endpoint moves into the gap', () => {
  assert.deepEqual(settle(['a', 'b', 'c', 'd'], ['a', 'c', 'd']), ['a', 'd', 'c'])
  assert.deepEqual(settle(['a', 'b'], ['new', 'b']), ['new', 'b'])
  assert.deepEqual(settle([], ['a', 'b']), ['a', 'b'])
  assert.deepEqual(settle(['a', 'b'], []), [])
})
