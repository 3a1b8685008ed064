import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test, type TestContext } from 'node:test'
import { address } from '../../src/base/address.ts'
import { NetlinkError } from '../../src/kernel/netlink/error.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import type { Element } from '../../src/kernel/nftables/element.ts'
import type { Expr } from '../../src/kernel/nftables/expr/index.ts'
import {
  concat,
  type Packed,
  packAddress,
  packBe16,
  packBe32,
  packU32,
  packU8,
} from '../../src/kernel/nftables/packed.ts'
import type { Chain, Datum, NamedSet, Ruleset } from '../../src/kernel/nftables/ruleset.ts'
import type { SetSpec } from '../../src/kernel/nftables/set.ts'
import { type Nftables, openNftables } from '../../src/kernel/nftables/socket.ts'
import type { Table } from '../../src/kernel/nftables/table.ts'
import type { Op } from '../../src/kernel/nftables/transaction.ts'

const table: Table = { family: 'ip', name: 'test', comment: 'made by a test' }

function inside(body: (nftables: Nftables, ns: Netns) => void): void {
  using ns = createNetns()
  using nftables = openNftables(ns)
  body(nftables, ns)
}

function ruleset(chains: readonly Chain[], sets: readonly [SetSpec, [Packed, Datum][]][] = []): Ruleset {
  return {
    table,
    chains: new Map(chains.map((chain) => [chain.name, chain])),
    sets: new Map(
      sets.map(([spec, elements]): [string, NamedSet] => [spec.name, { spec, elements: new Map(elements) }]),
    ),
  }
}

const flow = concat(packAddress(address('10.0.0.1')), packU8(6), packBe16(80))
const sets: [SetSpec, [Packed, Datum][]][] = [
  [{ name: 'addresses', key: ['ipv4_addr'], comment: 'some of them' }, [[packAddress(address('10.0.0.9')), null]]],
  [
    { name: 'flows', key: ['ipv4_addr', 'inet_proto', 'inet_service'], data: ['ipv4_addr', 'inet_service'] },
    [[flow, concat(packAddress(address('10.0.0.2')), packBe16(8080))]],
  ],
  [
    { name: 'marks', key: ['mark'], data: 'verdict' },
    [
      [packU32(1), { verdict: 'drop' }],
      [packU32(2), { verdict: 'jump', chain: 'lower' }],
    ],
  ],
  [{ name: 'remembered', key: ['ipv4_addr'], data: ['mark'], dynamic: true, timeout: 60_000n }, []],
  [{ name: 'few', key: ['ipv4_addr'], dynamic: true, size: 9 }, []],
  [{ name: 'many', key: ['mark'], size: 65_535 }, []],
]

const exprs: Expr[][] = [
  [
    { kind: 'payload', base: 'network', offset: 12, length: 4, to: 0 },
    { kind: 'bitwise', from: 0, to: 0, mask: packBe32(0xffffff00), xor: packBe32(0) },
    { kind: 'cmp', from: 0, op: 'neq', value: packAddress(address('10.0.0.0')) },
    { kind: 'counter', packets: 0n, bytes: 0n },
    { kind: 'immediate', verdict: { verdict: 'accept' } },
  ],
  [
    { kind: 'payload', base: 'network', offset: 16, length: 4, to: 0 },
    { kind: 'meta', key: 'l4proto', to: 1 },
    { kind: 'payload', base: 'transport', offset: 2, length: 2, to: 2 },
    { kind: 'lookup', set: 'flows', from: 0, to: 0 },
    { kind: 'nat', type: 'dnat', family: 'ip', address: 0, port: 1, flags: [] },
  ],
  [
    { kind: 'numgen', mode: 'inc', modulus: 3, offset: 1, to: 5 },
    { kind: 'meta', key: 'mark', from: 5 },
    { kind: 'meta', key: 'mark', to: 6 },
    { kind: 'lookup', set: 'marks', from: 6, to: 'verdict' },
  ],
  [
    { kind: 'ct', key: 'dst-ip', direction: 'original', to: 0 },
    { kind: 'lookup', set: 'addresses', from: 0, inverted: true },
    { kind: 'ct', key: 'state', to: 0 },
    { kind: 'immediate', to: 0, value: packU32(7) },
    { kind: 'meta', key: 'nftrace', from: 0 },
    { kind: 'immediate', verdict: { verdict: 'return' } },
  ],
  [
    { kind: 'payload', base: 'network', offset: 12, length: 4, to: 0 },
    { kind: 'immediate', to: 1, value: packU32(3) },
    { kind: 'dynset', set: 'remembered', op: 'update', key: 0, data: 1, timeout: 3_600_000n },
    { kind: 'immediate', verdict: { verdict: 'continue' } },
  ],
  [
    { kind: 'fib', result: 'type', fields: ['saddr'], to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packU32(2) },
    { kind: 'fib', result: 'oif', fields: ['saddr', 'iif'], present: true, to: 1 },
    { kind: 'cmp', from: 1, op: 'eq', value: packU32(0) },
  ],
]

const full = ruleset(
  [
    { name: 'lower', rules: [] },
    {
      name: 'first',
      hook: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
      rules: exprs.map((rule, i) => ({ exprs: rule, comment: `rule ${i}: größer` })),
    },
    {
      name: 'last',
      hook: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
      rules: [{ exprs: [{ kind: 'masq', flags: ['random', 'fully-random'] }] }],
    },
    {
      name: 'early',
      hook: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' },
      rules: [{ exprs: [{ kind: 'notrack' }] }],
    },
    {
      name: 'refuse',
      hook: { type: 'filter', hook: 'input', priority: 0, policy: 'drop' },
      comment: 'refuses',
      rules: [
        {
          exprs: [
            { kind: 'meta', key: 'l4proto', to: 0 },
            { kind: 'cmp', from: 0, op: 'eq', value: packU8(6) },
            { kind: 'reject', with: 'tcp reset', code: 0 },
          ],
        },
        { exprs: [{ kind: 'reject', with: 'icmp', code: 3 }] },
      ],
    },
  ],
  sets,
)

test('what is written is what the kernel gives back', () =>
  inside((nftables) => {
    assert.equal(nftables.read(table), undefined)
    nftables.apply(diff(undefined, full))
    const kernel = nftables.read(table)
    assert.deepEqual(diff(kernel, full).ops, [])
    assert.deepEqual(kernel?.sets, full.sets)
    assert.deepEqual(
      nftables.rules(table).map((rule) => rule.comment),
      [...full.chains.values()].flatMap((chain) => chain.rules.map((rule) => rule.comment)),
    )
    // Again is nothing, and asks the kernel for nothing.
    const { id } = nftables.generation()
    assert.deepEqual(nftables.apply(diff(kernel, full)), { messages: 0, bytes: 0, batches: 0 })
    assert.equal(nftables.generation().id, id)
  }))

test('nft reads what we write', (t: TestContext) =>
  inside((nftables, ns) => {
    nftables.apply(diff(undefined, full))
    const listed = nft(t, ns, '-j', 'list', 'ruleset')
    if (listed === undefined) return
    const objects = (JSON.parse(listed) as { nftables: Record<string, Record<string, unknown>>[] }).nftables
    const all = (kind: string): Record<string, unknown>[] =>
      objects.flatMap((object) => (object[kind] ? [object[kind]] : []))
    assert.deepEqual(
      all('chain').map(({ name, type, hook, prio, policy }) => [name, type, hook, prio, policy].join(' ').trim()),
      [
        'lower',
        'first nat prerouting -100 accept',
        'last nat postrouting 100 accept',
        'early filter prerouting -300 accept',
        'refuse filter input 0 drop',
      ],
    )
    assert.deepEqual(
      [...all('set'), ...all('map')].map(({ name, type, map, elem, size, comment }) => ({
        name,
        type,
        map,
        elem,
        size,
        comment,
      })),
      [
        {
          name: 'addresses',
          type: 'ipv4_addr',
          map: undefined,
          elem: ['10.0.0.9'],
          size: undefined,
          comment: 'some of them',
        },
        { name: 'few', type: 'ipv4_addr', map: undefined, elem: undefined, size: 9, comment: undefined },
        { name: 'many', type: 'mark', map: undefined, elem: undefined, size: 65535, comment: undefined },
        {
          name: 'flows',
          type: ['ipv4_addr', 'inet_proto', 'inet_service'],
          map: 'ipv4_addr . inet_service',
          elem: [[{ concat: ['10.0.0.1', 'tcp', 80] }, { concat: ['10.0.0.2', 8080] }]],
          size: undefined,
          comment: undefined,
        },
        {
          name: 'marks',
          type: 'mark',
          map: 'verdict',
          elem: [
            [1, { drop: null }],
            [2, { jump: { target: 'lower' } }],
          ],
          size: undefined,
          comment: undefined,
        },
        { name: 'remembered', type: 'ipv4_addr', map: 'mark', elem: undefined, size: 65535, comment: undefined },
      ],
    )
    const text = nft(t, ns, '-n', 'list', 'table', 'ip', 'test') ?? ''
    for (const line of [
      'ip saddr != 10.0.0.0/24 counter packets 0 bytes 0 accept comment "rule 0: größer"',
      'dnat ip to ip daddr . meta l4proto . th dport map @flows comment "rule 1: größer"',
      'meta mark set numgen inc mod 3 offset 1 meta mark vmap @marks comment "rule 2: größer"',
      'fib saddr type 2 fib saddr . iif oif 0 comment',
      'masquerade random,fully-random',
      'reject with tcp reset',
      '\t\treject\n',
    ])
      assert.ok(text.includes(line), `${line}\nis not in\n${text}`)
  }))

test('what nft writes, we read', (t: TestContext) =>
  inside((nftables, ns) => {
    const script = `table ip test {
      set allowed { type ipv4_addr . inet_service; elements = { 10.0.0.1 . 80 } }
      set ranges { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }
      chain in { type filter hook input priority 5; policy accept;
        ip saddr . tcp dport @allowed accept comment "known"
        log prefix "x" drop
      }
    }
    table ip other {
      chain c {
        accept
      }
    }`
    if (nft(t, ns, '-f', '-', script) === undefined) return
    // Intervals are nothing that we ever make: the table can be replaced, not changed in parts.
    assert.deepEqual(nftables.read(table)?.foreign, true)
    nft(t, ns, 'delete', 'set', 'ip', 'test', 'ranges')
    const kernel = nftables.read({ family: 'ip', name: 'test' }) ?? assert.fail()
    assert.deepEqual(
      [...(kernel.sets.get('allowed')?.elements.keys() ?? [])],
      [concat(packAddress(address('10.0.0.1')), packBe16(80))],
    )
    const rules = kernel.chains.get('in')?.rules ?? []
    assert.deepEqual(
      rules.map((rule) => rule.exprs.map((expr) => (expr.kind === 'foreign' ? expr.name : expr.kind)).join(' ')),
      ['meta cmp payload payload lookup immediate', 'log immediate'],
    )
    assert.equal(rules[0]?.comment, 'known')
    nftables.apply(diff(kernel, full))
    assert.deepEqual(diff(nftables.read(table), full).ops, [])
    assert.ok(nft(t, ns, 'list', 'table', 'ip', 'other')?.includes('accept'))
  }))

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

/** What nft says; undefined, and the test skipped, when it is not there. After `-f -` comes its input. */
function nft(t: TestContext, ns: Netns, ...args: string[]): string | undefined {
  const input = args[0] === '-f' ? args.pop() : undefined
  try {
    return inNetns(ns, () => execFileSync('nft', args, { encoding: 'utf8', stdio: 'pipe', input: input ?? '' }))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.skip('nft, which is to say whether it agrees, is not installed')
    return undefined
  }
}
