import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pauses, tryUntil } from './again.ts'

const wrong = new Error('wrong')

/** As many pauses as fit before the time is over, and one try more. */
function mostTries(withinMs: number): number {
  let tries = 1
  let at = 0
  for (const ms of pauses()) {
    if (at >= withinMs) return tries
    tries += 1
    at += ms
  }
  throw new TypeError('pauses do not end')
}

test('pauses are short at first, then a quarter of a second', () => {
  const first = pauses()
  assert.deepEqual(
    Array.from({ length: 8 }, () => first.next().value),
    [10, 20, 40, 80, 160, 250, 250, 250],
  )
  assert.equal(mostTries(60_000), 245)
})

test('what fails at once is tried a few times until the time is over, not as often as a processor can', async () => {
  let tries = 0
  const begun = performance.now()
  await assert.rejects(
    tryUntil(
      async () => {
        tries += 1
      },
      () => wrong,
      400,
    ),
    wrong,
  )
  assert.ok(performance.now() - begun >= 400)
  // Timers may be early by less than a millisecond each: then there are a few tries more at the very end.
  assert.ok(tries >= 2 && tries <= mostTries(400) + 4, String(tries))
})

test('without time the first try decides; what is right, or throws, ends it', async () => {
  let tries = 0
  const ask = async (): Promise<number> => (tries += 1)
  await assert.rejects(
    tryUntil(ask, () => wrong, 0),
    wrong,
  )
  assert.equal(tries, 1)
  assert.equal(await tryUntil(ask, (answer) => (answer < 4 ? wrong : undefined), 60_000), 4)
  const thrown = new Error('no such pod')
  await assert.rejects(
    tryUntil(
      () => Promise.reject(thrown),
      () => undefined,
      60_000,
    ),
    thrown,
  )
})

test('a quick last try begins when the time is over, so that what is true by then is found', async () => {
  const until = performance.now() + 50
  const answer = await tryUntil(
    async () => performance.now() >= until,
    (late) => (late ? undefined : wrong),
    51,
  )
  assert.equal(answer, true)
})
