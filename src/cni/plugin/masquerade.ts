import { createHash } from 'node:crypto'
import { type Cidr, formatCidr } from '../../base/address.ts'
import { diff } from '../../kernel/nftables/diff.ts'
import type { Rule } from '../../kernel/nftables/rule.ts'
import type { Ruleset } from '../../kernel/nftables/ruleset.ts'
import { openNftables } from '../../kernel/nftables/socket.ts'
import type { Table } from '../../kernel/nftables/table.ts'
import { pack, packAddress } from '../../kernel/nftables/packed.ts'
import type { Network } from './network.ts'

// A table for each network, made with its first pod and gone with its last. One rule serves all pods of the network, so that an ADD has
// nothing to write; the reference plugin writes a chain for each pod.

/** Sees to it that the rules are as the network says, whether or not it is masqueraded. */
export function ensureMasquerade(network: Network): void {
  if (network.notMasqueraded === undefined) return dropMasquerade(network.name)
  using nftables = openNftables()
  const wanted = masqueradeOf(network.name, network.range.subnet, network.notMasqueraded)
  nftables.apply(diff(nftables.read(wanted.table), wanted))
}

export function isMasqueraded({ name, range, notMasqueraded }: Network): boolean {
  if (notMasqueraded === undefined) return true
  using nftables = openNftables()
  const wanted = masqueradeOf(name, range.subnet, notMasqueraded)
  return diff(nftables.read(wanted.table), wanted).ops.length === 0
}

/** Fine when there is none. */
export function dropMasquerade(network: string): void {
  using nftables = openNftables()
  for (const family of ['ip', 'ip6'] as const) {
    const table = tableOf(network, family)
    if (nftables.read(table) !== undefined) nftables.apply({ table, ops: [{ op: 'delete table' }] })
  }
}

/** What the kernel holds for a masqueraded network. */
export function masqueradeOf(network: string, subnet: Cidr, kept: readonly Cidr[]): Ruleset {
  const rule: Rule = {
    exprs: [
      ...within('from', subnet, 'eq'),
      ...kept.flatMap((range) => within('to', range, 'neq')),
      { kind: 'masq', flags: [] },
    ],
    comment: `${formatCidr(subnet)} goes out with the node's address`,
  }
  const chain = {
    name: 'postrouting',
    hook: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
    comment: `CNI network ${network}`.slice(0, 120),
    rules: [rule],
  } as const
  return {
    table: tableOf(network, subnet.family === 4 ? 'ip' : 'ip6'),
    chains: new Map([[chain.name, chain]]),
    sets: new Map(),
  }
}

function tableOf(network: string, family: 'ip' | 'ip6'): Table {
  return { family, name: `kubehop-cni-${createHash('sha256').update(network).digest('hex').slice(0, 12)}` }
}

function within(side: 'from' | 'to', { family, address, prefix }: Cidr, op: 'eq' | 'neq'): Rule['exprs'] {
  const length = family === 4 ? 4 : 16
  // struct iphdr and struct ipv6hdr: source, then destination.
  const source = family === 4 ? 12 : 8
  const zero = new Uint8Array(length)
  return [
    { kind: 'payload', base: 'network', offset: side === 'from' ? source : source + length, length, to: 0 },
    { kind: 'bitwise', from: 0, to: 0, mask: pack(maskOf(prefix, length)), xor: pack(zero) },
    { kind: 'cmp', from: 0, op, value: packAddress(address) },
  ]
}

function maskOf(prefix: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * at))) & 0xff)
}
