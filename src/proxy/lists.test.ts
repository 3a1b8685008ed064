import assert from 'node:assert/strict'
import { test } from 'node:test'
import { node } from '../../test/rows/services.ts'
import { address } from '../base/address.ts'
import { type Packed, packAddress, unpackU32 } from '../kernel/nftables/packed.ts'
import { baseChains } from './layout/chains.ts'
import { families } from './layout/family.ts'
import { endpointValue } from './layout/keys.ts'
import { listKey } from './layout/numbers.ts'
import { writeList } from './lists.ts'
import { Store } from './store.ts'

const facts = families[4]
const list = 6
const endpoint = (host: string, port: number): Packed => endpointValue(packAddress(address(host)), port)
// Their FNV-1a hashes are the same.
const [one, other] = [endpoint('100.103.7.184', 13_994), endpoint('100.103.235.201', 40_611)]
const third = endpoint('100.96.1.2', 80)

test('endpoints of the same hash are remembered apart, and keep their numbers when one goes', () => {
  const store = new Store(facts, baseChains(facts, node), false)
  const numberAt = (slot: number): number =>
    unpackU32((store.get('numbers', listKey(list, slot)) ?? assert.fail()) as Packed)
  const write = (before: readonly Packed[], slots: readonly Packed[]): void =>
    writeList(store, list, { slots: before, sticky: true }, { slots, sticky: true })
  write([], [one, other])
  const [first, second] = [numberAt(0), numberAt(1)]
  assert.equal(second, first + 1)
  assert.equal(store.get('remembered', listKey(list, first)), one)
  assert.equal(store.get('remembered', listKey(list, second)), other)

  write([one, other], [other])
  assert.equal(numberAt(0), second)
  assert.equal(store.get('remembered', listKey(list, first)), undefined)
  assert.equal(store.get('remembered', listKey(list, second)), other)

  // The one that comes back finds its number free.
  write([other], [other, one, third])
  assert.deepEqual([numberAt(0), numberAt(1)], [second, first])

  writeList(store, list, { slots: [other, one, third], sticky: true }, { slots: [other], sticky: false })
  for (const set of ['numbers', 'remembered'] as const) assert.equal(store.wanted.sets.get(set)?.elements.size, 0)
})
