import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Element } from '../../src/kernel/nftables/element.ts'
import { type Packed, packU32 } from '../../src/kernel/nftables/packed.ts'
import { type Nftables, openNftables } from '../../src/kernel/nftables/socket.ts'
import type { SetSpec } from '../../src/kernel/nftables/set.ts'
import type { Table } from '../../src/kernel/nftables/table.ts'
import type { Op } from '../../src/kernel/nftables/transaction.ts'
import { sendUdp, withLoopback } from './loopback.ts'

const table: Table = { family: 'ip', name: 'test' }
const numbers: SetSpec = { name: 'numbers', key: ['mark'], counter: true }
const keysOf = (values: readonly number[]): Packed[] => values.map(packU32)
const change = (op: 'add elements' | 'delete elements', keys: readonly Packed[]): Op => ({
  op,
  set: numbers.name,
  elements: keys.map((key) => ({ key })),
})
const upTo = (count: number): Packed[] => keysOf(Array.from({ length: count }, (_, i) => i))

async function keysIn(parts: AsyncIterable<readonly Element[]>): Promise<Packed[]> {
  const found: Packed[] = []
  for await (const part of parts) found.push(...part.map(({ key }) => key))
  return found
}

function open(ns: ReturnType<typeof withLoopback>, keys: readonly Packed[]): Nftables {
  const nftables = openNftables(ns)
  nftables.apply({ table, ops: [{ op: 'add table' }, { op: 'add set', set: numbers }, change('add elements', keys)] })
  return nftables
}

test('of the keys that are asked for, those that are there are read, in any number at once', async () => {
  const some = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(some, some, fc.integer({ min: 1, max: 50 }), async (there, asked, atOnce) => {
      using ns = withLoopback()
      using nftables = open(ns, keysOf(there))
      const found = await keysIn(nftables.readElementsSlowly(table, numbers.name, keysOf(asked), { atOnce }))
      assert.deepEqual(found, keysOf(asked.filter((value) => there.includes(value))))
    }),
    { numRuns: 50 },
  )
})

test('more keys at once than one message holds', async () => {
  using ns = withLoopback()
  using nftables = open(ns, upTo(10_000))
  const found = await keysIn(nftables.readElementsSlowly(table, numbers.name, upTo(10_000), { atOnce: 10_000 }))
  assert.deepEqual(found, upTo(10_000))
})

test('what elements counted is read', async () => {
  using ns = withLoopback()
  using nftables = open(ns, upTo(3))
  const chain = 'out'
  nftables.apply({
    table,
    ops: [
      {
        op: 'add chain',
        chain: { name: chain, hook: { type: 'filter', hook: 'output', priority: 0, policy: 'drop' } },
      },
      {
        op: 'add rule',
        chain,
        rule: {
          exprs: [
            { kind: 'immediate', to: 0, value: packU32(1) },
            { kind: 'lookup', set: numbers.name, from: 0 },
          ],
        },
      },
    ],
  })
  await sendUdp(ns, 9).catch((error: NodeJS.ErrnoException) => assert.equal(error.code, 'EPERM'))
  const { value } = await nftables.readElementsSlowly(table, numbers.name, upTo(3)).next()
  assert.deepEqual(
    value?.map(({ counter }) => counter?.packets),
    [0n, 1n, 0n],
  )
})

test('while a set is read slowly the event loop goes on, and the same socket commits', async () => {
  using ns = withLoopback()
  const keys = upTo(5000)
  using nftables = open(ns, keys)
  let turns = 0
  const turn = (): void => {
    turns++
    due = setImmediate(turn)
  }
  let due = setImmediate(turn)
  const found: Packed[] = []
  for await (const part of nftables.readElementsSlowly(table, numbers.name, keys)) {
    found.push(...part.map(({ key }) => key))
    // From the end, so that some are gone when they are asked for.
    nftables.apply({ table, ops: [change('delete elements', [keys[keys.length - 1 - turns] as Packed])] })
  }
  clearImmediate(due)
  assert.ok(turns >= 70, `${turns}`)
  assert.ok(found.length > 4900 && found.length < 5000, `${found.length}`)
  assert.deepEqual(found, keys.slice(0, found.length))
})

test('a set that is gone is told, not read as empty', async () => {
  using ns = withLoopback()
  using nftables = open(ns, upTo(100))
  const reading = nftables.readElementsSlowly(table, numbers.name, upTo(100))
  assert.equal((await reading.next()).value?.length, 64)
  nftables.apply({ table, ops: [{ op: 'delete set', set: numbers.name }] })
  await assert.rejects(reading.next(), { code: 'ENOENT', message: /read elements of numbers/ })
})
