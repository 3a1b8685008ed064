import type { Family } from '../base/address.ts'
import { fibTypes } from '../kernel/nftables/expr/fib.ts'
import type { Expr } from '../kernel/nftables/expr/index.ts'
import { pack, type Packed, packU32 } from '../kernel/nftables/packed.ts'
import type { Rule } from '../kernel/nftables/rule.ts'
import type { Chain, Ruleset } from '../kernel/nftables/ruleset.ts'
import type { SetSpec } from '../kernel/nftables/set.ts'
import type { Table } from '../kernel/nftables/table.ts'

// One table for each IP family, whoever's ports they are: a port of the node leads to one pod only, and the kernel refuses a second
// element of the same key. The rules are always the same; a port is one element of a map, or two.

/** The maps. `exact` has the node's address in its key; `any` is for all of them but loopback, which has a map of its own. */
const maps = ['exact', 'any', 'loopback'] as const
type MapName = (typeof maps)[number]
/** `returning`: sender and receiver of what goes on with the node's address: a pod that reaches itself, and the node's 127.0.0.1. */
export type SetName = MapName | 'returning'

export function tableOf(of: Family): Table {
  return { family: of === 4 ? 'ip' : 'ip6', name: 'kubehop-hostports', comment: 'ports of this node that lead to pods' }
}

/** Everything but the elements. */
export function portTable(of: Family): Ruleset {
  const specs = [
    ...maps.filter((name) => of === 4 || name !== 'loopback').map((name) => mapSpec(of, name)),
    setSpec(of),
  ]
  return {
    table: tableOf(of),
    chains: new Map(chainsOf(of).map((chain) => [chain.name, chain])),
    sets: new Map(specs.map((spec) => [spec.name, { spec, elements: new Map() }])),
  }
}

function mapSpec(of: Family, name: MapName): SetSpec {
  const address = addressType(of)
  const key = ['inet_proto', 'inet_service', ...(name === 'exact' ? [address] : [])] as const
  return { name, key, data: [address, 'inet_service'] }
}

function setSpec(of: Family): SetSpec {
  return { name: 'returning', key: [addressType(of), addressType(of)] }
}

function addressType(of: Family): 'ipv4_addr' | 'ipv6_addr' {
  return of === 4 ? 'ipv4_addr' : 'ipv6_addr'
}

// Behind the service proxy's (-100): where a node port of a service is served, the service has it.
const dstnat = -95
const srcnat = 100
// Before connection tracking: what really came in by a cable, not what was translated.
const raw = -300

const translate = 'translate'

function chainsOf(of: Family): Chain[] {
  const local: Rule = {
    exprs: [
      { kind: 'fib', result: 'type', fields: ['daddr'], to: 0 },
      { kind: 'cmp', from: 0, op: 'eq', value: packU32(fibTypes.local) },
      { kind: 'immediate', verdict: { verdict: 'jump', chain: translate } },
    ],
    comment: 'to an address of this node',
  }
  return [
    { name: translate, rules: translations(of) },
    {
      name: 'prerouting',
      hook: { type: 'nat', hook: 'prerouting', priority: dstnat, policy: 'accept' },
      rules: [local],
    },
    { name: 'output', hook: { type: 'nat', hook: 'output', priority: dstnat, policy: 'accept' }, rules: [local] },
    {
      name: 'postrouting',
      hook: { type: 'nat', hook: 'postrouting', priority: srcnat, policy: 'accept' },
      rules: [
        {
          exprs: [
            address(of, 'source', 0),
            address(of, 'destination', words(of)),
            { kind: 'lookup', set: 'returning', from: 0 },
            { kind: 'masq', flags: [] },
          ],
          comment: 'the answer has to come back through the node',
        },
      ],
    },
    ...(of === 4 ? [loopbackGuard()] : []),
  ]
}

function translations(of: Family): Rule[] {
  // Behind the longest key (protocol, port, address).
  const data = 8
  const port: Expr[] = [
    { kind: 'meta', key: 'l4proto', to: 0 },
    // RFC 9293, RFC 768, RFC 9260: the destination port stands at the same place.
    { kind: 'payload', base: 'transport', offset: 2, length: 2, to: 1 },
  ]
  const dnat: Expr = {
    kind: 'nat',
    type: 'dnat',
    family: of === 4 ? 'ip' : 'ip6',
    address: data,
    port: data + words(of),
    flags: [],
  }
  const find = (set: MapName): Expr[] => [{ kind: 'lookup', set, from: 0, to: data }, dnat]
  return [
    { exprs: [...port, address(of, 'destination', 2), ...find('exact')], comment: 'published at this address' },
    ...(of === 4 ? [{ exprs: [...loopback('destination', 'eq'), ...port, ...find('loopback')] }] : []),
    // ::1 leaves no machine, whatever is translated, so it is left to what listens there.
    {
      exprs: [
        ...(of === 4
          ? loopback('destination', 'neq')
          : [address(of, 'destination', 0), { kind: 'cmp', from: 0, op: 'neq', value: ip6Loopback } as const]),
        ...port,
        ...find('any'),
      ],
      comment: 'published at all of the node’s addresses',
    },
  ]
}

/**
 * With route_localnet the kernel takes packets from and for 127.0.0.0/8 from a bridge's pods, too: they could speak to what the node
 * offers to itself alone (CVE-2020-8558).
 */
function loopbackGuard(): Chain {
  const fromOutside = { kind: 'cmp', from: 0, op: 'neq', value: 'lo'.padEnd(16, '\0') as Packed } as const
  return {
    name: 'loopback-guard',
    hook: { type: 'filter', hook: 'prerouting', priority: raw, policy: 'accept' },
    rules: (['source', 'destination'] as const).map((side) => ({
      exprs: [
        { kind: 'meta', key: 'iifname', to: 0 },
        fromOutside,
        ...loopback(side, 'eq'),
        { kind: 'immediate', verdict: { verdict: 'drop' } },
      ],
      comment: '127.0.0.0/8 enters no machine',
    })),
  }
}

function loopback(side: 'source' | 'destination', op: 'eq' | 'neq'): Expr[] {
  return [
    address(4, side, 0),
    { kind: 'bitwise', from: 0, to: 0, mask: bytes(255, 0, 0, 0), xor: bytes(0, 0, 0, 0) },
    { kind: 'cmp', from: 0, op, value: bytes(127, 0, 0, 0) },
  ]
}

const ip6Loopback = bytes(...new Uint8Array(15), 1)

/** struct iphdr and struct ipv6hdr: source, then destination. */
function address(of: Family, side: 'source' | 'destination', to: number): Expr {
  const length = words(of) * 4
  const first = of === 4 ? 12 : 8
  return { kind: 'payload', base: 'network', offset: side === 'source' ? first : first + length, length, to }
}

function words(of: Family): number {
  return of === 4 ? 1 : 4
}

function bytes(...list: number[]): Packed {
  return pack(Uint8Array.from(list))
}
