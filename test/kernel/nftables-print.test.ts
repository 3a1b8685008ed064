import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test, type TestContext } from 'node:test'
import { address } from '../../src/base/address.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import type { CtKey } from '../../src/kernel/nftables/expr/ct.ts'
import type { Expr, ExprOf } from '../../src/kernel/nftables/expr/index.ts'
import type { MetaKey } from '../../src/kernel/nftables/expr/meta.ts'
import {
  concat,
  type Packed,
  packAddress,
  packBe16,
  packBe32,
  packU32,
  packU8,
} from '../../src/kernel/nftables/packed.ts'
import { print } from '../../src/kernel/nftables/print.ts'
import type { Chain, Datum, NamedSet, Ruleset } from '../../src/kernel/nftables/ruleset.ts'
import type { SetSpec } from '../../src/kernel/nftables/set.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'

const ip = (text: string): Packed => packAddress(address(text))
const load = (base: 'network' | 'transport', offset: number, length: number, to: number): Expr => ({
  kind: 'payload',
  base,
  offset,
  length,
  to,
})
const saddr = (to: number): Expr => load('network', 12, 4, to)
const daddr = (to: number): Expr => load('network', 16, 4, to)
const saddr6 = (to: number): Expr => load('network', 8, 16, to)
const daddr6 = (to: number): Expr => load('network', 24, 16, to)
const sport = (to: number): Expr => load('transport', 0, 2, to)
const dport = (to: number): Expr => load('transport', 2, 2, to)
const meta = (key: MetaKey, to: number): Expr => ({ kind: 'meta', key, to })
const mark = (to: number): Expr => meta('mark', to)
const setMark = (from: number): Expr => ({ kind: 'meta', key: 'mark', from })
const protocol = (to: number): Expr => meta('l4proto', to)
const ct = (key: CtKey, to: number, direction?: 'original' | 'reply'): Expr => ({
  kind: 'ct',
  key,
  to,
  ...(direction ? { direction } : {}),
})
const bits = (at: number, mask: number, xor = 0): Expr => ({
  kind: 'bitwise',
  from: at,
  to: at,
  mask: packU32(mask),
  xor: packU32(xor),
})
const ipBits = (at: number, mask: Packed, xor = mask.replace(/[^]/g, '\0') as Packed): Expr => ({
  kind: 'bitwise',
  from: at,
  to: at,
  mask,
  xor,
})
const is = (value: Packed, op: ExprOf<'cmp'>['op'] = 'eq'): Expr => ({ kind: 'cmp', from: 0, op, value })
const constant = (to: number, value: Packed): Expr => ({ kind: 'immediate', to, value })
const lookup = (set: string, from: number, to?: number | 'verdict', inverted?: true): Expr => ({
  kind: 'lookup',
  set,
  from,
  ...(to === undefined ? {} : { to }),
  ...(inverted ? { inverted } : {}),
})
const numgen = (to: number, modulus = 3, offset = 0, mode: 'random' | 'inc' = 'random'): Expr => ({
  kind: 'numgen',
  mode,
  modulus,
  offset,
  to,
})
const affinity = (op: ExprOf<'dynset'>['op'], timeout?: bigint): Expr => ({
  kind: 'dynset',
  set: 'affinity',
  op,
  key: 8,
  data: 5,
  ...(timeout === undefined ? {} : { timeout }),
})
const seen = (op: ExprOf<'dynset'>['op'], timeout?: bigint): Expr => ({
  kind: 'dynset',
  set: 'seen',
  op,
  key: 0,
  ...(timeout === undefined ? {} : { timeout }),
})
const nat = (
  type: 'dnat' | 'snat',
  family: 'ip' | 'ip6',
  registers: object,
  flags: ExprOf<'nat'>['flags'] = [],
): Expr => ({
  kind: 'nat',
  type,
  family,
  flags,
  ...registers,
})
const masquerade = (...flags: ExprOf<'masq'>['flags']): Expr => ({ kind: 'masq', flags })
const reject = (how: ExprOf<'reject'>['with'], code = 0): Expr => ({ kind: 'reject', with: how, code })
const local: Expr = { kind: 'fib', result: 'type', fields: ['saddr'], to: 0 }
const counter: Expr = { kind: 'counter', packets: 0n, bytes: 0n }
const accept: Expr = { kind: 'immediate', verdict: { verdict: 'accept' } }
const jump: Expr = { kind: 'immediate', verdict: { verdict: 'jump', chain: 'lower' } }
const isTcp = [protocol(0), is(packU8(6))]
const isUdp = [protocol(0), is(packU8(17))]
/** A value from a map goes through the packet's mark, which is put back. */
const throughMark = (at: number, saved: number): Expr[] => [setMark(at), mark(at), setMark(saved)]
const flow = (to: number): Expr[] => [daddr(to), protocol(to + 1), dport(to + 2)]
const flow6 = (to: number): Expr[] => [daddr6(to), protocol(to + 4), dport(to + 5)]
const service = (to: number): Expr[] => [mark(12), ...flow(0), lookup('services', 0, to), ...throughMark(to, 12)]
const client: Expr[] = [
  saddr(8),
  { kind: 'bitwise', from: 4, to: 9, mask: packU32(0xfffff000), xor: packU32(0) },
  bits(4, 0xfffff800),
]
const device = (name: string): Packed => name.padEnd(16, '\0') as Packed

type Rules = readonly (readonly Expr[])[]

const rules: { readonly [F in 'ip' | 'ip6' | 'inet']: { filter: Rules; prerouting: Rules; postrouting: Rules } } = {
  ip: {
    filter: [
      // Masks.
      [mark(0), bits(0, 0x7ff), is(packU32(3))],
      [mark(0), bits(0, 0x4000), is(packU32(0), 'neq')],
      [mark(0), bits(0, 0xffff0000), is(packU32(0x10000))],
      [mark(0), bits(0, 0xfffff000), bits(0, 0xff), is(packU32(0))],
      [mark(0), bits(0, ~0x4000, 0x4000), setMark(0)],
      [mark(0), bits(0, 0xffffffff, 0x4000), setMark(0)],
      [mark(0), bits(0, 0xffff00ff, 0x4010), setMark(0)],
      [mark(0), bits(0, 0, 7), setMark(0)],
      [saddr(0), ipBits(0, packBe32(0xff00ff00)), is(ip('10.0.5.0'))],
      [saddr(0), ipBits(0, packBe32(0xff00ff00)), is(ip('10.0.5.0'), 'neq')],
      [saddr(0), ipBits(0, packBe32(0xfff00000)), is(ip('10.0.0.0'), 'neq')],
      [saddr(0), ipBits(0, packBe32(0xffffffff)), is(ip('10.0.5.0'))],
      [saddr(0), ipBits(0, packBe32(0)), is(ip('0.0.0.0'))],
      [saddr(0), ipBits(0, packBe32(0xffff0000)), lookup('addresses', 0)],
      [saddr(0), ipBits(0, packBe32(0xff00ff00)), lookup('addresses', 0)],
      [saddr(0), ipBits(0, packBe32(0xff000000), packBe32(0x0b000000)), lookup('addresses', 0)],
      [saddr(0), lookup('addresses', 0, undefined, true)],
      // Ports and protocols.
      [...isTcp, dport(0), is(packBe16(80))],
      [...isUdp, saddr(0), is(ip('10.0.0.1')), dport(0), is(packBe16(80), 'neq')],
      [...isTcp, counter, dport(0), is(packBe16(80))],
      [...isTcp, sport(0), is(packBe16(79)), dport(0), is(packBe16(80))],
      [...isTcp, saddr(0), dport(1), lookup('ports', 0), jump],
      [dport(0), is(packBe16(80))],
      [protocol(0), is(packU8(17), 'neq'), dport(0), is(packBe16(80), 'gte')],
      [load('network', 9, 1, 0), is(packU8(132)), accept],
      // Refusals.
      [...isTcp, reject('tcp reset')],
      [...isTcp, counter, reject('tcp reset')],
      [...isUdp, reject('icmp', 3)],
      ...[0, 1, 2, 7, 9, 10, 13].map((code) => [reject('icmp', code)]),
      // Connections.
      [ct('state', 0), is(packU32(2))],
      [ct('state', 0), bits(0, 2 | 4 | 64), is(packU32(0), 'neq'), accept],
      [ct('state', 0), bits(0, 10), is(packU32(0))],
      [ct('status', 0), bits(0, 32), is(packU32(0), 'neq')],
      [ct('mark', 0), bits(0, 5), is(packU32(5))],
      [ct('mark', 0), setMark(0)],
      [ct('direction', 0), is(packU8(1))],
      [ct('protocol', 0), is(packU8(6))],
      [ct('src-ip', 0, 'reply'), is(ip('10.0.0.1'))],
      [ct('dst-ip', 0, 'original'), ipBits(0, packBe32(0xfff00000)), is(ip('10.0.0.0'))],
      [ct('dst-ip', 0, 'original'), protocol(1), ct('proto-dst', 2, 'original'), lookup('external', 0)],
      [...isUdp, dport(0), is(packBe16(53)), { kind: 'notrack' }],
      [...isUdp, { kind: 'notrack' }],
      // Devices, addresses of the node, numbers.
      [meta('iifname', 0), is(device('eth0')), accept],
      [meta('oifname', 0), is('veth' as Packed, 'neq')],
      [meta('nfproto', 0), is(packU8(2))],
      [local, is(packU32(2))],
      [{ kind: 'fib', result: 'type', fields: ['daddr', 'iif'], to: 0 }, is(packU32(1), 'neq')],
      [{ kind: 'fib', result: 'oifname', fields: ['saddr'], to: 0 }, is(device('lo'))],
      [constant(0, packU32(5)), setMark(0)],
      [constant(0, packU8(1)), { kind: 'meta', key: 'nftrace', from: 0 }],
      [numgen(0, 5, 7, 'inc'), setMark(0)],
      [numgen(0), is(packU32(0))],
      [{ kind: 'limit', rate: 100n, seconds: 1n, burst: 5 }, accept],
      [{ kind: 'limit', rate: 7n, seconds: 3600n, burst: 200 }, accept],
      // What packets put into sets.
      [saddr(0), seen('add')],
      [saddr(0), ipBits(0, packBe32(0xffffff00)), seen('update', 60_000n)],
      ...[1000n, 5_400_000n, 10_800_000n, 90_061_500n].map((time) => [
        saddr(8),
        mark(9),
        mark(5),
        affinity('update', time),
      ]),
      [saddr(8), mark(9), numgen(5), affinity('add')],
      [saddr(8), constant(9, packU32(9)), mark(5), bits(5, 0xff), affinity('add')],
    ],
    prerouting: [
      [...service(0), bits(0, 0x7ff), lookup('ways', 0, 'verdict')],
      [
        ...service(4),
        bits(4, 0xfffff800),
        numgen(5),
        lookup('endpoints', 4, 0),
        nat('dnat', 'ip', { address: 0, port: 1 }),
      ],
      [
        ...service(4),
        ...client,
        lookup('affinity', 8, 5),
        ...throughMark(5, 12),
        lookup('endpoints', 4, 0),
        affinity('update', 10_800_000n),
        nat('dnat', 'ip', { address: 0, port: 1 }, ['persistent']),
      ],
      [...service(4), ...client, constant(5, packU32(0)), affinity('delete')],
      [
        ...flow(0),
        saddr(3),
        ipBits(3, packBe32(0xffffff00)),
        numgen(4, 1, 24, 'inc'),
        lookup('sources', 0),
        { kind: 'immediate', verdict: { verdict: 'return' } },
      ],
      [constant(0, ip('10.0.0.1')), constant(1, packBe16(80)), nat('dnat', 'ip', { address: 0, port: 1 })],
      [constant(0, ip('10.0.0.1')), nat('dnat', 'ip', { address: 0 }, ['random', 'persistent'])],
      [constant(1, packBe16(80)), nat('dnat', 'ip', { port: 1 })],
    ],
    postrouting: [
      [local, is(packU32(2)), masquerade('fully-random')],
      [masquerade('random', 'fully-random')],
      [masquerade()],
      [constant(0, ip('10.0.0.1')), nat('snat', 'ip', { address: 0 })],
    ],
  },
  ip6: {
    filter: [
      [saddr6(0), is(ip('fd00::1'))],
      [daddr6(0), ipBits(0, ip('ffff:ffff::')), is(ip('fd00::'), 'neq')],
      [daddr6(0), ipBits(0, ip('ffff::ffff')), is(ip('fd00::'), 'neq')],
      [daddr6(0), ipBits(0, ip('ffff::')), lookup('addresses', 0)],
      [...flow6(0), lookup('external', 0)],
      [ct('src-ip6', 0, 'reply'), is(ip('fd00::1'))],
      [ct('dst-ip6', 0, 'original'), protocol(4), ct('proto-dst', 5, 'original'), lookup('external', 0)],
      [load('network', 6, 1, 0), is(packU8(6))],
      [protocol(0), is(packU8(58)), accept],
      [...isTcp, reject('tcp reset')],
      ...[0, 1, 2, 3, 4, 5, 6].map((code) => [reject('icmp', code)]),
      [saddr6(8), mark(12), mark(5), affinity('update', 60_000n)],
    ],
    prerouting: [
      [...flow6(0), lookup('services', 0, 0), nat('dnat', 'ip6', { address: 0, port: 4 })],
      [constant(0, ip('fd00::1')), constant(4, packBe16(80)), nat('dnat', 'ip6', { address: 0, port: 4 })],
      [constant(0, ip('fd00::1')), nat('dnat', 'ip6', { address: 0 })],
    ],
    postrouting: [[local, is(packU32(2)), masquerade('fully-random')]],
  },
  inet: {
    filter: [
      ...[0, 1, 2, 3].map((code) => [reject('icmpx', code)]),
      [meta('nfproto', 0), is(packU8(10)), accept],
      [...isTcp, reject('tcp reset')],
    ],
    prerouting: [[constant(0, ip('10.0.0.1')), constant(1, packBe16(80)), nat('dnat', 'ip', { address: 0, port: 1 })]],
    postrouting: [],
  },
}

const flowKey = ['ipv4_addr', 'inet_proto', 'inet_service'] as const
const flowKey6 = ['ipv6_addr', 'inet_proto', 'inet_service'] as const
const sets: { readonly [F in keyof typeof rules]: readonly SetSpec[] } = {
  ip: [
    { name: 'addresses', key: ['ipv4_addr'], size: 4096 },
    { name: 'ports', key: ['ipv4_addr', 'inet_service'] },
    { name: 'external', key: flowKey, comment: 'addresses from outside' },
    { name: 'sources', key: [...flowKey, 'ipv4_addr', 'mark'] },
    { name: 'services', key: flowKey, data: ['mark'] },
    { name: 'endpoints', key: ['mark', 'mark'], data: ['ipv4_addr', 'inet_service'] },
    { name: 'affinity', key: ['ipv4_addr', 'mark'], data: ['mark'], dynamic: true, timeout: 0n },
    { name: 'seen', key: ['ipv4_addr'], dynamic: true, timeout: 90_061_500n, size: 9 },
    { name: 'unused', key: ['ipv4_addr'], dynamic: true },
    { name: 'ways', key: ['mark'], data: 'verdict' },
  ],
  ip6: [
    { name: 'addresses', key: ['ipv6_addr'] },
    { name: 'external', key: flowKey6 },
    { name: 'services', key: flowKey6, data: ['ipv6_addr', 'inet_service'] },
    { name: 'affinity', key: ['ipv6_addr', 'mark'], data: ['mark'], dynamic: true, timeout: 3_600_000n },
  ],
  inet: [],
}

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
    const theirs = nft(t, ns, ['-y', 'list', 'table', family, 'test'])
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
    if (nft(t, ns, ['-f', '-'], text) === undefined) return
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

/** What nft says; undefined, and the test skipped, when it is not there. */
function nft(t: TestContext, ns: Netns, args: readonly string[], input = ''): string | undefined {
  try {
    return inNetns(ns, () => execFileSync('nft', args, { encoding: 'utf8', stdio: 'pipe', input }))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.skip('nft, which is to say whether it agrees, is not installed')
    return undefined
  }
}
