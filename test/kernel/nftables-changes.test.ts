import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NetlinkError } from '../../src/kernel/netlink/error.ts'
import { createNetns } from '../../src/kernel/netns.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import type { Element } from '../../src/kernel/nftables/element.ts'
import type { Expr } from '../../src/kernel/nftables/expr/index.ts'
import { concat, packU32 } from '../../src/kernel/nftables/packed.ts'
import type { Ruleset } from '../../src/kernel/nftables/ruleset.ts'
import type { SetSpec } from '../../src/kernel/nftables/set.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import type { Op } from '../../src/kernel/nftables/transaction.ts'
import { full, inside, sets, table } from './nftables-full.ts'

test('changes of rules, chains and sets leave the rest alone', () =>
  inside((nftables) => {
    nftables.apply(diff(undefined, full))
    const before = nftables.rules(table)
    const chains = new Map(full.chains)
    chains.delete('lower')
    chains.set('refuse', { ...(chains.get('refuse') ?? assert.fail()), rules: [{ exprs: [], comment: 'nothing' }] })
    chains.set('more', { name: 'more', rules: [{ exprs: [{ kind: 'immediate', verdict: { verdict: 'drop' } }] }] })
    const others = new Map(full.sets)
    others.delete('remembered')
    others.set('marks', {
      spec: sets[2]?.[0] ?? assert.fail(),
      elements: new Map([[packU32(2), { verdict: 'goto', chain: 'more' }]]),
    })
    chains.set('first', {
      ...(chains.get('first') ?? assert.fail()),
      rules: full.chains.get('first')?.rules.slice(0, 4) ?? [],
    })
    const wanted: Ruleset = { table, chains, sets: others }
    nftables.apply(diff(nftables.read(table), wanted))
    assert.deepEqual(diff(nftables.read(table), wanted).ops, [])
    const handleOf = (rules: typeof before): bigint | undefined => rules.find((rule) => rule.chain === 'last')?.handle
    assert.equal(handleOf(nftables.rules(table)), handleOf(before))
  }))

test('a refused transaction changes nothing, and says what was refused', () =>
  inside((nftables) => {
    nftables.apply(diff(undefined, full))
    const before = nftables.read(table)
    const refused = (ops: Op[], what: RegExp, code: string): void => {
      assert.throws(
        () => nftables.apply({ table, ops }),
        (error) => error instanceof NetlinkError && error.code === code && what.test(error.message),
      )
      assert.deepEqual(nftables.read(table), before)
    }
    const added: Op = { op: 'add chain', chain: { name: 'new' } }
    refused(
      [added, { op: 'delete elements', set: 'addresses', elements: [{ key: packU32(1) }] }],
      /delete elements addresses/,
      'ENOENT',
    )
    refused([added, { op: 'delete chain', chain: 'nowhere' }, added], /delete chain nowhere/, 'ENOENT')
    refused(
      [added, { op: 'add rule', chain: 'new', rule: { exprs: [{ kind: 'lookup', set: 'nowhere', from: 0 }] } }],
      /add rule new/,
      'ENOENT',
    )
    // A loop of chains is found only when everything is put together.
    const jump = (chain: string): Expr[] => [{ kind: 'immediate', verdict: { verdict: 'jump', chain } }]
    refused(
      [
        added,
        { op: 'add rule', chain: 'new', rule: { exprs: jump('lower') } },
        { op: 'add rule', chain: 'lower', rule: { exprs: jump('new') } },
        { op: 'add rule', chain: 'first', rule: { exprs: jump('new') } },
      ],
      /change table ip test/,
      'EMLINK',
    )
  }))

const many: SetSpec = { name: 'many', key: ['mark', 'mark'], data: ['mark'] }
const elementsUpTo = (count: number): Element[] =>
  Array.from({ length: count }, (_, i) => ({ key: concat(packU32(i), packU32(~i)), data: packU32(i * 3) }))

test('a hundred thousand elements are one transaction', { skip: limited() }, () =>
  inside((nftables) => {
    const elements = elementsUpTo(100_000)
    const { batches } = nftables.apply({
      table,
      ops: [{ op: 'add table' }, { op: 'add set', set: many }, { op: 'add elements', set: 'many', elements }],
    })
    assert.equal(batches, 1)
    const kernel = nftables.read(table)?.sets.get('many')?.elements
    assert.deepEqual(kernel, new Map(elements.map(({ key, data }) => [key, data])))
    nftables.apply({ table, ops: [{ op: 'replace elements', set: 'many', elements: elements.slice(0, 50_000) }] })
    nftables.apply({ table, ops: [{ op: 'delete elements', set: 'many', elements: elements.slice(1) }] })
    assert.equal(nftables.read(table)?.sets.get('many')?.elements.size, 1)
  }),
)

test('a socket that takes less gets several transactions', () => {
  using ns = createNetns()
  using nftables = openNftables(ns, { buffer: 100_000 })
  const elements = elementsUpTo(20_000)
  const { batches } = nftables.apply({
    table,
    ops: [{ op: 'add table' }, { op: 'add set', set: many }, { op: 'add elements', set: 'many', elements }],
  })
  assert.ok(batches > 3, `${batches}`)
  const changed = elements.map(({ key }) => ({ key, data: packU32(1) }))
  assert.ok(nftables.apply({ table, ops: [{ op: 'replace elements', set: 'many', elements: changed }] }).batches > 3)
  assert.deepEqual(
    nftables.read(table)?.sets.get('many')?.elements,
    new Map(changed.map(({ key, data }) => [key, data])),
  )
})

/** Ordinary users may not raise a socket's buffer past net.core.wmem_max. */
function limited(): string | false {
  using ns = createNetns()
  using nftables = openNftables(ns)
  return nftables.sendLimit > 16 * 1024 * 1024 ? false : 'only root may send a batch of this size (net.core.wmem_max)'
}
