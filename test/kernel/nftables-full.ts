// A table with everything in it that Kubehop writes, and a namespace to write it into.
import { address } from '../../src/base/address.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
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

export const table: Table = { family: 'ip', name: 'test', comment: 'made by a test' }

export function inside(body: (nftables: Nftables, ns: Netns) => void): void {
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
export const sets: [SetSpec, [Packed, Datum][]][] = [
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

export const full: Ruleset = ruleset(
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
