import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { packU32 } from '../../src/kernel/nftables/packed.ts'
import { isChanged, type Nftables, openNftables } from '../../src/kernel/nftables/socket.ts'
import type { Table } from '../../src/kernel/nftables/table.ts'
import type { Op } from '../../src/kernel/nftables/transaction.ts'
import { type TableWatch, watchTable, type Who } from '../../src/kernel/nftables/watch.ts'

const ours: Table = { family: 'ip', name: 'ours' }
const theirs: Table = { family: 'ip', name: 'theirs' }
const numbers: Op = { op: 'add set', set: { name: 'numbers', key: ['mark'] } }
const add = (...values: number[]): Op => addAll(values)
const addAll = (values: readonly number[]): Op => ({
  op: 'add elements',
  set: 'numbers',
  elements: values.map((value) => ({ key: packU32(value) })),
})

interface Scene extends Disposable {
  readonly ns: Netns
  readonly we: Nftables
  readonly they: Nftables
  readonly watch: TableWatch
  readonly seen: Who[]
}

function scene(): Scene {
  const ns = createNetns()
  const [we, they] = [openNftables(ns), openNftables(ns)]
  we.apply({ table: ours, ops: [{ op: 'add table' }, numbers] })
  const seen: Who[] = []
  const watch = watchTable({ ns, table: ours, own: [we.port], onChange: (who) => seen.push(who) })
  return {
    ns,
    we,
    they,
    watch,
    seen,
    [Symbol.dispose]() {
      watch.close()
      for (const each of [we, they, ns]) each.close()
    },
  }
}

test('somebody else’s change of the table is told, with the name of the program', async () => {
  using at = scene()
  at.they.apply({ table: ours, ops: [add(1)] })
  await until(() => at.seen.length > 0)
  assert.equal(at.seen.length, 1)
  // The pid is the machine's, not that of a PID namespace.
  assert.ok(at.seen[0]?.process && at.seen[0].pid)
  at.they.apply({ table: ours, ops: [{ op: 'delete table' }] })
  await until(() => at.seen.length > 1)
})

test('own changes, and those of other tables, are not', async () => {
  using at = scene()
  at.we.apply({ table: ours, ops: [add(1, 2, 3), { op: 'add chain', chain: { name: 'c' } }] })
  at.they.apply({ table: theirs, ops: [{ op: 'add table' }, numbers, add(1)] })
  at.they.apply({ table: { ...ours, family: 'ip6' }, ops: [{ op: 'add table' }] })
  assert.equal(at.watch.drain(), false)
  at.they.apply({ table: ours, ops: [add(4)] })
  assert.equal(at.watch.drain(), true)
  assert.equal(at.watch.drain(), false)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(at.seen, [])
})

test('a transaction on top of a state that is not known is refused, and nothing of it happens', () => {
  using at = scene()
  const { id } = at.we.generation()
  const applied = at.we.apply({ table: ours, ops: [add(1)] }, id)
  assert.equal(applied.generation, at.we.generation().id)
  at.they.apply({ table: theirs, ops: [{ op: 'add table' }] })
  assert.throws(() => at.we.apply({ table: ours, ops: [add(2)] }, applied.generation), isChanged)
  assert.equal(at.we.read(ours)?.sets.get('numbers')?.elements.size, 1)
  const next = at.we.apply({ table: ours, ops: [add(2)] }, at.we.generation().id)
  assert.equal(next.generation, at.we.generation().id)
  assert.throws(
    () => at.we.apply({ table: ours, ops: [{ op: 'delete set', set: 'none' }] }, next.generation),
    (error) => !isChanged(error),
  )
})

test('a transaction that has to be cut knows its generations', () => {
  using ns = createNetns()
  using nftables = openNftables(ns, { buffer: 40_000 })
  const limited = Object.assign(Object.create(nftables) as Nftables, {})
  const many = Array.from({ length: 20_000 }, (_, i) => i)
  const { generation, batches } = limited.apply(
    { table: ours, ops: [{ op: 'add table' }, numbers, addAll(many)] },
    nftables.generation().id,
  )
  assert.ok(batches > 1, `${batches}`)
  assert.equal(generation, nftables.generation().id)
  assert.equal(nftables.read(ours)?.sets.get('numbers')?.elements.size, many.length)
})

test('what was too much to be told counts as a change', async () => {
  using at = scene()
  const many = Array.from({ length: 400_000 }, (_, i) => i)
  at.they.apply({ table: theirs, ops: [{ op: 'add table' }, numbers, addAll(many)] })
  at.they.apply({ table: theirs, ops: [{ op: 'delete table' }] })
  await until(() => at.seen.length > 0)
})

async function until(condition: () => boolean): Promise<void> {
  const begun = performance.now()
  while (!condition()) {
    assert.ok(performance.now() - begun < 5000, 'it never came')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
