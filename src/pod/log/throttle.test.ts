import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Throttle } from './throttle.ts'

test('a burst is let through, and what goes on without end gets its share', () => {
  let now = 0
  const throttle = new Throttle(() => now)
  assert.equal(throttle.spend(400), 0, 'a burst')
  let busy = 400
  while (now < 60_000) {
    const wait = throttle.spend(5)
    now += 5 + wait
    busy += 5
  }
  assert.ok(busy > 14_000 && busy < 16_000, `a quarter of a minute, not ${busy} ms`)
})

test('who prints little never waits', () => {
  let now = 0
  const throttle = new Throttle(() => now)
  for (let i = 0; i < 1000; i++) {
    assert.equal(throttle.spend(2), 0)
    now += 10
  }
})
