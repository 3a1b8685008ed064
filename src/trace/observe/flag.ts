import { type Nftables, openNftables } from '../../kernel/nftables/socket.ts'
import type { Expr } from '../../kernel/nftables/expr/index.ts'
import { packBe16, packU8 } from '../../kernel/nftables/packed.ts'
import type { Rule } from '../../kernel/nftables/rule.ts'
import type { Netns } from '../../kernel/netns.ts'
import { ICMP, SCTP, TCP, UDP } from '../packet/transport.ts'
import type { Eye } from './bounded.ts'
import type { WatchSpec } from './spec.ts'

// Before everything else in the machine: conntrack looks at -200, services are translated at -100.
const priority = -300
/** Behind everything, conntrack's last change of an answer (100) too. */
const last = 300
const SYN = 2
const RST = 4

/**
 * Asks nf_tables to report what the packets of one flow meet in this namespace: a table of its own whose rules only set `nftrace`.
 * The kernel removes the table when its owner's socket closes, so none can be left behind, whatever becomes of this process.
 */
export function flagFlow(ns: Netns | undefined, spec: WatchSpec): Eye {
  const nft: Nftables = openNftables(ns, { buffer: 256 * 1024 })
  try {
    const rules = rulesFor(spec)
    nft.apply({
      table: { family: 'ip', name: flagTable(spec.id), owned: true, comment: 'one traced request' },
      ops: [
        { op: 'add table' },
        ...(['prerouting', 'output'] as const).flatMap((hook) => [
          {
            op: 'add chain' as const,
            chain: { name: hook, hook: { type: 'filter' as const, hook, priority, policy: 'accept' as const } },
          },
          ...rules.map((rule) => ({ op: 'add rule' as const, chain: hook, rule })),
        ]),
        // The packet as the machine's own socket gets it. A masqueraded one has its port back only here.
        ...(spec.isSender
          ? [
              { op: 'add chain' as const, chain: { name: 'input', hook: input } },
              ...rules.map((rule) => ({ op: 'add rule' as const, chain: 'input', rule })),
            ]
          : []),
      ],
    })
    return { close: () => nft.closeElsewhere() }
  } catch (error) {
    nft.close()
    throw error
  }
}

const input = { type: 'filter', hook: 'input', priority: last, policy: 'accept' } as const

/**
 * The request's port (an echo's identifier) stays the same under DNAT; of a TCP connection only its first packets and a refusal are of
 * interest. ICMP's errors to anybody are few, and the reader picks those that quote the request.
 */
function rulesFor(spec: WatchSpec): Rule[] {
  const errors = [3, 11].map((type): Rule => ({ exprs: [...isProtocol(ICMP), ...hasType(type), ...trace] }))
  return [...(spec.protocol === 'icmp' ? echoes(spec) : ports(spec.protocol, spec)), ...errors]
}

function echoes(spec: WatchSpec): Rule[] {
  return [8, 0].map((type) => ({ exprs: [...isProtocol(ICMP), ...hasType(type), ...hasNumber(4, spec), ...trace] }))
}

function ports(protocol: 'tcp' | 'udp' | 'sctp', spec: WatchSpec): Rule[] {
  const firsts: Expr[] =
    protocol === 'tcp'
      ? [
          { kind: 'payload', base: 'transport', offset: 13, length: 1, to: 0 },
          { kind: 'bitwise', from: 0, to: 0, mask: packU8(SYN | RST), xor: packU8(0) },
          { kind: 'cmp', from: 0, op: 'neq', value: packU8(0) },
        ]
      : []
  const is = isProtocol({ tcp: TCP, udp: UDP, sctp: SCTP }[protocol])
  return [0, 2].map((offset) => ({ exprs: [...is, ...hasNumber(offset, spec), ...firsts, ...trace] }))
}

function hasNumber(offset: number, { port, span = 1 }: WatchSpec): Expr[] {
  return [
    { kind: 'payload', base: 'transport', offset, length: 2, to: 0 },
    { kind: 'cmp', from: 0, op: 'gte', value: packBe16(port) },
    { kind: 'cmp', from: 0, op: 'lte', value: packBe16(port + span - 1) },
  ]
}

function hasType(type: number): Expr[] {
  return [
    { kind: 'payload', base: 'transport', offset: 0, length: 1, to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packU8(type) },
  ]
}

function isProtocol(protocol: number): Expr[] {
  return [
    { kind: 'meta', key: 'l4proto', to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packU8(protocol) },
  ]
}

const trace: Expr[] = [
  { kind: 'immediate', to: 0, value: packU8(1) },
  { kind: 'meta', key: 'nftrace', from: 0 },
]

const flags = 'kubehop-trace-'

/** The table that asks the kernel for a trace's rules. */
export function flagTable(id: string): string {
  return `${flags}${id}`
}

/** Such a table, of whichever trace, has no say in what happens to a packet. */
export function isFlagTable(name: string): boolean {
  return name.startsWith(flags)
}
