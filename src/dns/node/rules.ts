import { type Address, family } from '../../base/address.ts'
import type { Expr } from '../../kernel/nftables/expr/index.ts'
import { packAddress, packBe16, packU8 } from '../../kernel/nftables/packed.ts'
import type { Rule } from '../../kernel/nftables/rule.ts'
import type { Chain, Ruleset } from '../../kernel/nftables/ruleset.ts'

/** NF_IP_PRI_RAW: conntrack looks at -200. */
const raw = -300
const protocols = [
  ['UDP', 17],
  ['TCP', 6],
] as const

/**
 * Keeps connection tracking away from questions to a node's own resolver and from its answers: they take no entry of the table, and two of them from one
 * port (A and AAAA at once) cannot lose a race for one. The table is owned: it goes with the socket that made it, and nobody else can change it.
 */
export function nodeRules(address: Address, port: number): Ruleset {
  const rules = (...ways: ('to' | 'from')[]): Rule[] =>
    ways.flatMap((way) =>
      protocols.map(([name, number]) => ({
        exprs: [...flow(way, address, number, port), { kind: 'notrack' } as const],
        comment: `${way === 'to' ? 'questions' : 'answers'} over ${name}`,
      })),
    )
  const chains: Chain[] = [
    { name: 'prerouting', hook: hookAt('prerouting'), rules: rules('to') },
    // The node's own programs ask too.
    { name: 'output', hook: hookAt('output'), rules: rules('to', 'from') },
  ]
  const table = { family: family(address) === 4 ? 'ip' : 'ip6', name: 'kubehop-dns', owned: true } as const
  return { table, chains: new Map(chains.map((chain) => [chain.name, chain])), sets: new Map() }
}

const hookAt = (hook: 'prerouting' | 'output') => ({ type: 'filter', hook, priority: raw, policy: 'accept' }) as const

function flow(way: 'to' | 'from', address: Address, protocol: number, port: number): Expr[] {
  const [source, destination, length] = family(address) === 4 ? [12, 16, 4] : [8, 24, 16]
  return [
    { kind: 'payload', base: 'network', offset: way === 'to' ? destination : source, length, to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packAddress(address) },
    { kind: 'meta', key: 'l4proto', to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packU8(protocol) },
    { kind: 'payload', base: 'transport', offset: way === 'to' ? 2 : 0, length: 2, to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packBe16(port) },
  ]
}
