import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thinning } from './thinning.ts'

const second = 1_000_000_000

/** Lets packets come at a steady rate, of which a part is let through by then; says how many were. */
function run(thinning: Thinning, rate: number, seconds: number): number {
  let seen = 0
  for (let at = 0; at < rate * seconds; at++) {
    if (at % 2 ** thinning.bits !== 0) continue
    seen++
    thinning.see(BigInt(Math.round((at * second) / rate)))
  }
  return seen
}

test('what can be followed is followed whole', () => {
  const thinning = new Thinning(1000)
  assert.equal(run(thinning, 900, 10), 9000)
  assert.equal(thinning.bits, 0)
})

test('a burst is not too much', () => {
  const thinning = new Thinning(100)
  for (let at = 0; at < 300; at++) assert.equal(thinning.see(BigInt(at)), false)
})

test('of too much a part is followed, about as much as is wanted', () => {
  for (const rate of [5000, 50_000, 500_000]) {
    const thinning = new Thinning(1000)
    const seen = run(thinning, rate, 10)
    assert.ok(thinning.bits > 0 && seen > 300 && seen < 30_000, `${rate}/s: ${seen} seen, 1 in ${2 ** thinning.bits}`)
  }
})
