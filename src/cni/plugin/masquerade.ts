import { type Cidr, cidr, formatCidr } from '../../base/address.ts'
import { diff } from '../../kernel/nftables/diff.ts'
import type { Rule } from '../../kernel/nftables/rule.ts'
import type { Ruleset } from '../../kernel/nftables/ruleset.ts'
import type { Nftables } from '../../kernel/nftables/socket.ts'
import type { Table, TableFamily } from '../../kernel/nftables/table.ts'
import type { Transaction } from '../../kernel/nftables/transaction.ts'
import { pack, packAddress } from '../../kernel/nftables/packed.ts'
import { nftablesForNow } from '../sockets.ts'
import { ownTable } from './leases.ts'
import type { Network } from './network.ts'

// A table for each network, made with its first pod and gone with its last. One rule serves all pods of the network, so that an ADD has
// nothing to write; the reference plugin writes a chain for each pod.

/** Sees to it that the rules are as the network says, whether or not it is masqueraded. */
export function ensureMasquerade(network: Network, tables: ReadonlySet<TableFamily>): void {
  if (network.notMasqueraded === undefined) {
    if (tables.has('ip') || tables.has('ip6')) dropMasquerade(network.name)
    return
  }
  using nftables = nftablesForNow()
  for (const change of changes(nftables, network)) nftables.apply(change)
}

export function isMasqueraded(network: Network): boolean {
  if (network.notMasqueraded === undefined) return true
  using nftables = nftablesForNow()
  return changes(nftables, network).every(({ ops }) => ops.length === 0)
}

/** A family that the network has no more ranges of needs no table. */
function changes(nftables: Nftables, { name, subnets, notMasqueraded = [] }: Network): Transaction[] {
  return families.flatMap((family) => {
    const own = subnets.filter((subnet) => subnet.family === family)
    if (own.length > 0) {
      const wanted = masqueradeOf(name, own, notMasqueraded)
      return [diff(nftables.read(wanted.table), wanted)]
    }
    const table = tableOf(name, family)
    return nftables.read(table) === undefined ? [] : [{ table, ops: [{ op: 'delete table' as const }] }]
  })
}

/** Fine when there is none. */
export function dropMasquerade(network: string): void {
  using nftables = nftablesForNow()
  for (const family of families) {
    const table = tableOf(network, family)
    if (nftables.read(table) !== undefined) nftables.apply({ table, ops: [{ op: 'delete table' }] })
  }
}

/**
 * What the kernel holds for a masqueraded network's ranges of one IP family. Nothing is masqueraded between them, nor for a group (multicast),
 * nor for the ranges in `kept`, of whatever family.
 */
export function masqueradeOf(network: string, subnets: readonly Cidr[], kept: readonly Cidr[]): Ruleset {
  const family = subnets[0]?.family ?? 4
  const group = cidr(family === 4 ? '224.0.0.0/4' : 'ff00::/8')
  const inside = [...subnets, group, ...kept.filter((range) => range.family === family)]
  const rules = subnets.map(
    (subnet): Rule => ({
      exprs: [
        ...within('from', subnet, 'eq'),
        ...inside.flatMap((range) => within('to', range, 'neq')),
        { kind: 'masq', flags: [] },
      ],
      comment: `${formatCidr(subnet)} goes out with the node's address`,
    }),
  )
  const chain = {
    name: 'postrouting',
    hook: { type: 'nat', hook: 'postrouting', priority: 100, policy: 'accept' },
    comment: `CNI network ${network}`.slice(0, 120),
    rules,
  } as const
  return { table: tableOf(network, family), chains: new Map([[chain.name, chain]]), sets: new Map() }
}

const families = [4, 6] as const

function tableOf(network: string, family: 4 | 6): Table {
  return { family: family === 4 ? 'ip' : 'ip6', name: ownTable(network) }
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
