import assert from 'node:assert/strict'
import { test } from 'node:test'
import { node } from '../../test/rows/services.ts'
import { baseChains } from './layout/chains.ts'
import { families } from './layout/family.ts'
import { wayMask } from './layout/numbers.ts'
import { readWayName, type Way, wayKey, wayName } from './layout/ways.ts'
import { Store } from './store.ts'
import { Ways } from './ways.ts'

const facts = families[4]
const plain = (endpoints: number): Way => ({ endpoints, sticky: 0, by: 'services' })
const sticky = (endpoints: number, seconds: number): Way => ({ endpoints, sticky: seconds, by: 'services' })

function world(before?: Store): { store: Store; ways: Ways } {
  const store = new Store(facts, baseChains(facts, node), false)
  return { store, ways: new Ways(facts, store, before?.wanted) }
}

test('a way has a chain while somebody uses it', () => {
  const { store, ways } = world()
  const number = ways.take(sticky(3, 600))
  assert.equal(ways.take(sticky(3, 600)), number)
  assert.ok(store.wanted.chains.has('stick-3-600'))
  assert.deepEqual(store.get('ways', wayKey(number)), { verdict: 'goto', chain: 'stick-3-600' })
  ways.release(number)
  assert.ok(store.wanted.chains.has('stick-3-600'))
  ways.release(number)
  assert.ok(!store.wanted.chains.has('stick-3-600'))
  assert.equal(store.get('ways', wayKey(number)), undefined)
})

test('whoever asks for more ways than there are takes none from others', () => {
  const { store, ways } = world()
  const taken = Array.from({ length: 3000 }, (_, i) => ways.take(sticky(2, i + 1)))
  assert.ok(taken.every((number) => number > 0 && number <= wayMask))
  // The last ones are no longer sticky, and served all the same.
  assert.deepEqual(store.get('ways', wayKey(taken.at(-1) as number)), { verdict: 'goto', chain: 'pick-2' })
  assert.equal(ways.take(plain(7)), 7)
  assert.deepEqual(store.get('ways', wayKey(ways.take(plain(5000)))), { verdict: 'goto', chain: 'pick-512' })
  assert.deepEqual(store.get('ways', wayKey(ways.take({ endpoints: 300, sticky: 9, by: 'inside' }))), {
    verdict: 'goto',
    chain: 'pick-256-inside',
  })
  for (const number of taken) ways.release(number)
  assert.deepEqual(store.get('ways', wayKey(ways.take(plain(5000)))), { verdict: 'goto', chain: 'pick-5000' })
})

test('a new agent keeps the numbers that it finds', () => {
  const { store: before, ways: earlier } = world()
  earlier.take(sticky(1, 60))
  const number = earlier.take(sticky(3, 600))
  const { ways } = world(before)
  const other = ways.take(sticky(9, 9))
  assert.equal(ways.take(sticky(3, 600)), number)
  assert.notEqual(other, number)
})

test('a name says the way', () => {
  for (const way of [
    plain(1),
    sticky(3, 10800),
    { ...plain(600), by: 'inside' },
    { ...sticky(2, 1), by: 'inside' },
  ] as Way[])
    assert.deepEqual(readWayName(wayName(way)), way)
  for (const name of ['refuse', 'pick-', 'pick-3-4', 'stick-3', 'pick-3-outside'])
    assert.equal(readWayName(name), undefined)
})
