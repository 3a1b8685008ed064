import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { address } from '../../src/base/address.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import { concat, packAddress, packBe16 } from '../../src/kernel/nftables/packed.ts'
import { full, inside, table } from './nftables-full.ts'
import { nft } from './nft.ts'

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
