import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { NETLINK_NETFILTER, NetlinkSocket } from '../../src/kernel/netlink/socket.ts'
import { type Netns } from '../../src/kernel/netns.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import { type Counts, readElements, writeElementsKey } from '../../src/kernel/nftables/element.ts'
import type { Expr } from '../../src/kernel/nftables/expr/index.ts'
import { NFT_MSG, nftType, readHeader } from '../../src/kernel/nftables/message.ts'
import { concat, type Packed, packAddress, packBe16, packU32, packU8 } from '../../src/kernel/nftables/packed.ts'
import { print, type PrintOptions } from '../../src/kernel/nftables/print.ts'
import type { Datum, NamedSet, Ruleset } from '../../src/kernel/nftables/ruleset.ts'
import type { SetSpec } from '../../src/kernel/nftables/set.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { localhost, sendUdp, withLoopback } from './loopback.ts'
import { nft } from './nft.ts'

const table = { family: 'ip', name: 'test' } as const
const flow = (port: number): Packed => concat(packAddress(localhost), packBe16(port))
const load: Expr[] = [
  // Nobody listens: the refusals come through the same hook.
  { kind: 'meta', key: 'l4proto', to: 0 },
  { kind: 'cmp', from: 0, op: 'eq', value: packU8(17) },
  { kind: 'payload', base: 'network', offset: 16, length: 4, to: 0 },
  { kind: 'payload', base: 'transport', offset: 2, length: 2, to: 1 },
]
const sets: [SetSpec, [Packed, Datum][]][] = [
  [
    { name: 'flows', key: ['ipv4_addr', 'inet_service'], counter: true, comment: 'counted' },
    [1000, 2000].map((port) => [flow(port), null]),
  ],
  [
    { name: 'marks', key: ['ipv4_addr', 'inet_service'], data: ['mark'], counter: true, size: 100 },
    [1000, 2000].map((port) => [flow(port), packU32(port)]),
  ],
  [{ name: 'seen', key: ['ipv4_addr', 'inet_service'], dynamic: true, timeout: 3_600_000n, counter: true }, []],
  [{ name: 'plain', key: ['ipv4_addr', 'inet_service'] }, [[flow(1000), null]]],
]
const ruleset: Ruleset = {
  table,
  chains: new Map([
    [
      'out',
      {
        name: 'out',
        hook: { type: 'filter', hook: 'output', priority: 0, policy: 'accept' },
        rules: [
          { exprs: [...load, { kind: 'lookup', set: 'flows', from: 0 }] },
          { exprs: [...load, { kind: 'lookup', set: 'marks', from: 0, to: 0 }] },
          { exprs: [...load, { kind: 'dynset', set: 'seen', op: 'update', key: 0 }] },
          { exprs: [...load, { kind: 'lookup', set: 'plain', from: 0 }] },
        ],
      },
    ],
  ]),
  sets: new Map(sets.map(([spec, of]): [string, NamedSet] => [spec.name, { spec, elements: new Map(of) }])),
}

test('elements count what they are found for, and what they counted is no difference', async (t: TestContext) => {
  using ns = withLoopback()
  using nftables = openNftables(ns)
  nftables.apply(diff(undefined, ruleset))
  assert.deepEqual(nftables.read(table)?.sets, ruleset.sets)
  for (const port of [1000, 1000, 1000, 3000]) await sendUdp(ns, port)

  // 5 bytes in UDP in IPv4.
  const thrice: Counts = { packets: 3n, bytes: 99n }
  const never: Counts = { packets: 0n, bytes: 0n }
  assert.deepEqual(
    countsOf(ns, 'flows'),
    new Map([
      [flow(1000), thrice],
      [flow(2000), never],
    ]),
  )
  assert.deepEqual(
    countsOf(ns, 'marks'),
    new Map([
      [flow(1000), thrice],
      [flow(2000), never],
    ]),
  )
  // It counts from the packet on that brought it.
  assert.deepEqual(
    countsOf(ns, 'seen'),
    new Map([
      [flow(1000), thrice],
      [flow(3000), { packets: 1n, bytes: 33n }],
    ]),
  )
  assert.deepEqual(countsOf(ns, 'plain'), new Map([[flow(1000), undefined]]))
  assert.deepEqual(diff(nftables.read(table), ruleset).ops, [])

  const counts = new Map([...ruleset.sets.keys()].map((name) => [name, countsOf(ns, name)]))
  for (const { spec } of ruleset.sets.values()) {
    if (!spec.counter || spec.dynamic) continue
    const ours = (options: PrintOptions): string[] =>
      linesOf(print(ruleset, { ...options, keep: (set) => set === spec.name, rules: false }))
    const theirs = (...options: string[]): string | undefined =>
      nft(t, ns, '-y', ...options, 'list', spec.data ? 'map' : 'set', 'ip', 'test', spec.name)
    const [counted, bare] = [theirs(), theirs('-s')]
    if (counted === undefined || bare === undefined) return
    assert.deepEqual(linesOf(counted), ours({ counts: (set, key) => counts.get(set)?.get(key) }))
    assert.deepEqual(linesOf(bare), ours({}))
  }
})

test('sets that do something else for each element are none of ours', (t: TestContext) => {
  using ns = withLoopback()
  using nftables = openNftables(ns)
  for (const statements of ['counter quota 500 bytes', 'limit rate 5/second']) {
    const script = `add table ip test; add set ip test s { type ipv4_addr; ${statements}; }`
    if (nft(t, ns, script) === undefined) return
    assert.equal(nftables.read(table)?.foreign, true)
    nft(t, ns, 'delete table ip test')
  }
  nft(t, ns, 'add table ip test; add set ip test s { type ipv4_addr; counter; }')
  assert.deepEqual(nftables.read(table)?.sets.get('s')?.spec, { name: 's', key: ['ipv4_addr'], counter: true })
})

/** Without the order of elements, which is the kernel's. */
function linesOf(text: string): string[] {
  return text
    .replace('elements = { ', '')
    .split(/\n|, /)
    .map((line) => line.trim().replace(/( \}|,)$/, ''))
    .toSorted()
}

function countsOf(ns: Netns, set: string): Map<Packed, Counts | undefined> {
  using socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, ns })
  const counts = new Map<Packed, Counts | undefined>()
  socket.dump(
    `list elements of ${set}`,
    nftType(NFT_MSG.GETSETELEM),
    (w) => writeElementsKey(w, table, set),
    (message) => readElements(readHeader(message).attributes, ({ key, counter }) => counts.set(key, counter)),
  )
  return counts
}
