// A table of somebody else's: one chain with one rule, which is in the way of some packets.
import { address } from '../../src/base/address.ts'
import type { HookName } from '../../src/kernel/nftables/chain.ts'
import type { Expr } from '../../src/kernel/nftables/expr/index.ts'
import { packAddress } from '../../src/kernel/nftables/packed.ts'
import type { Rule } from '../../src/kernel/nftables/rule.ts'
import type { Transaction } from '../../src/kernel/nftables/transaction.ts'

/** Matches what comes from (12) or is for (16) an IPv4 address: that is where it stands in the header. */
export const matches = (at: 12 | 16, ip: string): Expr[] => [
  { kind: 'payload', base: 'network', offset: at, length: 4, to: 0 },
  { kind: 'cmp', from: 0, op: 'eq', value: packAddress(address(ip)) },
]

export const drop: Expr = { kind: 'immediate', verdict: { verdict: 'drop' } }

/** Of what is forwarded, unless `hook` says otherwise. The chain's name is `guard`. */
export function firewall(
  rule: Rule,
  { name = 'firewall', hook = 'forward', priority = 0 }: { name?: string; hook?: HookName; priority?: number } = {},
): Transaction {
  return {
    table: { family: 'ip', name },
    ops: [
      { op: 'add table' },
      { op: 'add chain', chain: { name: 'guard', hook: { type: 'filter', hook, priority, policy: 'accept' } } },
      { op: 'add rule', chain: 'guard', rule },
    ],
  }
}

export const noFirewall = (name = 'firewall'): Transaction => ({
  table: { family: 'ip', name },
  ops: [{ op: 'delete table' }],
})
