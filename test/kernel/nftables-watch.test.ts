import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { setImmediate } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import { packU32 } from '../../src/kernel/nftables/packed.ts'
import { isChanged, type Nftables, openNftables } from '../../src/kernel/nftables/socket.ts'
import type { Table } from '../../src/kernel/nftables/table.ts'
import type { Op } from '../../src/kernel/nftables/transaction.ts'
import { type TableWatch, watchTable, type Who } from '../../src/kernel/nftables/watch.ts'
import { watchedCount } from '../../src/kernel/reactor.ts'
import { sendUdp, withLoopback } from './loopback.ts'

const ours: Table = { family: 'ip', name: 'ours' }
const theirs: Table = { family: 'ip', name: 'theirs' }
const numbers: Op = { op: 'add set', set: { name: 'numbers', key: ['mark'] } }
const add = (...values: number[]): Op => addAll('numbers', values)
const addAll = (set: string, values: readonly number[]): Op => ({
  op: 'add elements',
  set,
  elements: values.map((value) => ({ key: packU32(value) })),
})
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

interface Scene extends Disposable {
  readonly ns: Netns
  readonly we: Nftables
  readonly they: Nftables
  readonly watch: TableWatch
  /** What was told and not taken from here. */
  readonly told: Who[]
  /** The next that is told. */
  next(): Promise<Who>
}

function scene(): Scene {
  const ns = withLoopback()
  const [we, they] = [openNftables(ns), openNftables(ns)]
  we.apply({ table: ours, ops: [{ op: 'add table' }, numbers] })
  const told: Who[] = []
  let arrived = Promise.withResolvers<void>()
  const onChange = (who: Who): void => {
    told.push(who)
    arrived.resolve()
  }
  const watch = watchTable({ ns, table: ours, own: [we.port], onChange })
  return {
    ns,
    we,
    they,
    watch,
    told,
    async next() {
      await arrived.promise
      arrived = Promise.withResolvers()
      return told.shift() ?? assert.fail()
    },
    [Symbol.dispose]() {
      watch.close()
      for (const each of [we, they, ns]) each.close()
      assert.equal(watchedCount(), 0)
    },
  }
}

test('whoever else changes the table is told by name', async () => {
  using at = scene()
  at.they.apply({ table: ours, ops: [add(1)] })
  const who = await at.next()
  // The pid is the machine's, not that of a PID namespace.
  assert.ok(who.process && who.pid)
  assert.deepEqual(at.told, [])
})

for (const command of [
  'add element ip ours numbers { 7 }',
  'delete element ip ours numbers { 1 }',
  'flush set ip ours numbers',
  'delete set ip ours numbers',
  'add chain ip ours theirs',
  'add rule ip ours rules counter',
  'flush chain ip ours rules',
  'flush table ip ours',
  'delete table ip ours',
  'flush ruleset',
])
  test(`nft ${command} is noticed`, async (t) => {
    using at = scene()
    at.we.apply({
      table: ours,
      ops: [
        { op: 'add chain', chain: { name: 'rules' } },
        { op: 'add rule', chain: 'rules', rule: { exprs: [{ kind: 'counter', packets: 0n, bytes: 0n }] } },
        add(1),
      ],
    })
    if (!nft(t, at.ns, command)) return
    assert.equal((await at.next()).process, 'nft')
    assert.deepEqual(at.told, [])
  })

test('own changes, and those of other tables, are not told', async () => {
  using at = scene()
  at.we.apply({ table: ours, ops: [add(1, 2, 3), { op: 'add chain', chain: { name: 'c' } }] })
  at.they.apply({ table: theirs, ops: [{ op: 'add table' }, numbers, add(1)] })
  at.they.apply({ table: { ...ours, family: 'ip6' }, ops: [{ op: 'add table' }] })
  assert.equal(at.watch.drain(), undefined)
  at.they.apply({ table: ours, ops: [add(4)] })
  assert.ok(at.watch.drain()?.pid)
  assert.equal(at.watch.drain(), undefined)
  await setImmediate()
  assert.deepEqual(at.told, [])
})

test('the blame is not put on who changed another table afterwards', (t) => {
  using at = scene()
  at.they.apply({ table: ours, ops: [add(1)] })
  if (!nft(t, at.ns, 'add table ip theirs')) return
  const who = at.watch.drain()
  assert.ok(who?.process && who.process !== 'nft')
})

test('what packets put into a set is not told, and counts as no transaction', async () => {
  using at = scene()
  at.we.apply({
    table: ours,
    ops: [
      { op: 'add set', set: { name: 'seen', key: ['mark'], dynamic: true, timeout: 3_600_000n, size: 16 } },
      {
        op: 'add chain',
        chain: { name: 'out', hook: { type: 'filter', hook: 'output', priority: 0, policy: 'accept' } },
      },
      {
        op: 'add rule',
        chain: 'out',
        rule: {
          exprs: [
            { kind: 'immediate', to: 0, value: packU32(1) },
            { kind: 'dynset', set: 'seen', op: 'add', key: 0 },
          ],
        },
      },
    ],
  })
  const { id } = at.we.generation()
  await sendUdp(at.ns, 9)
  assert.equal(at.we.read(ours)?.sets.get('seen')?.elements.size, 1)
  assert.equal(at.watch.drain(), undefined)
  assert.equal(at.we.generation().id, id)
})

test('a transaction on top of a state that is not known is refused, and nothing of it happens', () => {
  using at = scene()
  const { id } = at.we.generation()
  const applied = at.we.apply({ table: ours, ops: [add(1)] }, id)
  assert.equal(applied.generation, id + 1)
  assert.equal(applied.generation, at.we.generation().id)
  at.they.apply({ table: theirs, ops: [{ op: 'add table' }] })
  assert.throws(() => at.we.apply({ table: ours, ops: [add(2)] }, applied.generation), {
    code: 'Changed',
    message: 'kernel: change table ip ours: commit: somebody else has changed nf_tables: read the table again',
  })
  assert.equal(at.we.read(ours)?.sets.get('numbers')?.elements.size, 1)
  // It was not our table: again, on top of that.
  const next = at.we.apply({ table: ours, ops: [add(2)] }, at.we.generation().id)
  assert.equal(at.watch.drain(), undefined)
  assert.equal(next.generation, at.we.generation().id)
  assert.throws(
    () => at.we.apply({ table: ours, ops: [{ op: 'delete set', set: 'none' }] }, next.generation),
    (error) => !isChanged(error),
  )
  assert.equal(next.generation, at.we.generation().id)
})

test('a transaction that changes nothing is not counted, and the next one is not taken for known', () => {
  using at = scene()
  const first = at.we.apply({ table: ours, ops: [add(1)] }, at.we.generation().id)
  const again = at.we.apply({ table: ours, ops: [add(1)] }, first.generation)
  assert.equal(again.generation, first.generation)
  assert.equal(at.we.apply({ table: ours, ops: [] }, again.generation).generation, first.generation)
  // Counted along, this one would have the number that we expect.
  at.they.apply({ table: ours, ops: [add(2)] })
  assert.throws(() => at.we.apply({ table: ours, ops: [add(3)] }, again.generation), isChanged)
})

test('every kind of change tells its number', () => {
  using at = scene()
  let { id } = at.we.generation()
  const kinds: Op[] = [
    { op: 'add chain', chain: { name: 'c' } },
    { op: 'add rule', chain: 'c', rule: { exprs: [] } },
    { op: 'flush chain', chain: 'c' },
    { op: 'delete chain', chain: 'c' },
    { op: 'add set', set: { name: 's', key: ['mark'], data: ['mark'] } },
    { op: 'add elements', set: 's', elements: [{ key: packU32(1), data: packU32(1) }] },
    { op: 'replace elements', set: 's', elements: [{ key: packU32(1), data: packU32(2) }] },
    { op: 'delete elements', set: 's', elements: [{ key: packU32(1) }] },
    { op: 'delete set', set: 's' },
    { op: 'delete table' },
    { op: 'add table' },
  ]
  for (const op of kinds) assert.equal(at.we.apply({ table: ours, ops: [op] }, id).generation, ++id, op.op)
  assert.equal(at.we.generation().id, id)
})

test('a transaction that has to be cut knows its generations, also where a part changes nothing', () => {
  using ns = withLoopback()
  using nftables = openNftables(ns, { buffer: 40_000 })
  const many = upTo(20_000)
  const { id } = nftables.generation()
  const { generation, batches } = nftables.apply(
    { table: ours, ops: [{ op: 'add table' }, numbers, addAll('numbers', many)] },
    id,
  )
  assert.ok(batches > 1, `${batches}`)
  assert.equal(generation, id + batches)
  assert.equal(generation, nftables.generation().id)
  assert.equal(nftables.read(ours)?.sets.get('numbers')?.elements.size, many.length)
  const again = nftables.apply({ table: ours, ops: [addAll('numbers', [...many, 1_000_000])] }, generation)
  assert.equal(again.batches, batches)
  assert.equal(again.generation, generation + 1)
})

test('what was too much to be told counts as a change', async () => {
  using at = scene()
  // Long names make long notifications.
  const set = 's'.repeat(200)
  const theirs: Table = { family: 'ip', name: 't'.repeat(200) }
  const ops: Op[] = [
    { op: 'add table' },
    { op: 'add set', set: { name: set, key: ['mark'] } },
    addAll(set, upTo(30_000)),
  ]
  at.they.apply({ table: theirs, ops })
  assert.deepEqual(await at.next(), {})
  at.they.apply({ table: ours, ops: [add(1)] })
  assert.ok((await at.next()).pid)
})

/** false, and the test skipped, when nft is not installed. */
function nft(t: TestContext, ns: Netns, command: string): boolean {
  try {
    inNetns(ns, () => execFileSync('nft', [command], { stdio: 'pipe' }))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.skip('nft, which is to change the table, is not installed')
    return false
  }
}
