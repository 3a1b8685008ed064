import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createNetns } from '../../src/kernel/netns.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import { concat, type Packed, packBe16, packU32, packU8 } from '../../src/kernel/nftables/packed.ts'
import { print } from '../../src/kernel/nftables/print.ts'
import type { Chain, Datum, NamedSet, Ruleset } from '../../src/kernel/nftables/ruleset.ts'
import type { SetSpec } from '../../src/kernel/nftables/set.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { nft } from './nft.ts'
import { flowKey, rules, sets } from './nftables-rules.ts'
import { ip, type Rules } from './nftables-words.ts'

for (const family of ['ip', 'ip6', 'inet'] as const)
  test(`nft prints every rule and set of a table of ${family} as we do`, (t: TestContext) => {
    const of = rules[family]
    const chains: Chain[] = [
      { name: 'lower', rules: [] },
      chain('filter', { type: 'filter', hook: 'prerouting', priority: 0 }, of.filter),
      chain('prerouting', { type: 'nat', hook: 'prerouting', priority: -100 }, of.prerouting),
      chain('postrouting', { type: 'nat', hook: 'postrouting', priority: 100 }, of.postrouting),
    ]
    const ruleset = rulesetOf(
      family,
      chains,
      sets[family].map((spec) => [spec, []]),
    )
    using ns = createNetns()
    using nftables = openNftables(ns)
    nftables.apply(diff(undefined, ruleset))
    assert.deepEqual(diff(nftables.read(ruleset.table), ruleset).ops, [])
    const theirs = nft(t, ns, '-y', 'list', 'table', family, 'test')
    if (theirs !== undefined) assert.deepEqual(print(ruleset).split('\n'), theirs.split('\n'))
  })

test('elements with notes are what nft reads', (t: TestContext) => {
  const flow = (last: number): Packed => concat(ip(`10.0.0.${last}`), packU8(6), packBe16(80))
  const ruleset = rulesetOf(
    'ip',
    [],
    [
      [
        { name: 'services', key: flowKey, data: ['mark'], comment: 'by "name"' },
        [1, 2, 3].map((i) => [flow(i), packU32(i)]),
      ],
      [{ name: 'external', key: flowKey }, [[flow(4), null]]],
      [{ name: 'affinity', key: ['ipv4_addr'], data: ['mark'], dynamic: true, timeout: 5_400_000n, size: 10 }, []],
    ],
  )
  const hostile = ' } }\ndelete table ip test; # "\r\u2028\u0085{'
  for (const noted of [[1], [1, 2, 3, 4], [3], [2, 4], []]) {
    const text = print(ruleset, {
      note: (_set, key) => (noted.includes(key.charCodeAt(3)) ? `shop/web${hostile}` : undefined),
    })
    using ns = createNetns()
    using nftables = openNftables(ns)
    if (nft(t, ns, '-f', '-', text) === undefined) return
    const read = nftables.read(ruleset.table)
    for (const [name, { elements }] of ruleset.sets) assert.deepEqual(read?.sets.get(name)?.elements, elements)
    assert.equal(read?.sets.size, 3)
  }
})

function chain(name: string, hook: Omit<NonNullable<Chain['hook']>, 'policy'>, of: Rules): Chain {
  return {
    name,
    hook: { ...hook, policy: 'accept' },
    rules: of.map((exprs, i) => ({ exprs, comment: `${name} ${i}` })),
  }
}

function rulesetOf(
  family: keyof typeof rules,
  chains: readonly Chain[],
  filled: readonly [SetSpec, readonly (readonly [Packed, Datum])[]][],
): Ruleset {
  return {
    table: { family, name: 'test' },
    chains: new Map(chains.map((one) => [one.name, one])),
    sets: new Map(
      filled.map(([spec, elements]): [string, NamedSet] => [spec.name, { spec, elements: new Map(elements) }]),
    ),
  }
}
