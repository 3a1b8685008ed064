import type { Netns } from '../../kernel/netns.ts'
import type { Expr } from '../../kernel/nftables/expr/index.ts'
import { packAddress, packBe16, packBe32, packU8 } from '../../kernel/nftables/packed.ts'
import type { Rule } from '../../kernel/nftables/rule.ts'
import type { SetSpec } from '../../kernel/nftables/set.ts'
import { openNftables } from '../../kernel/nftables/socket.ts'
import type { Op } from '../../kernel/nftables/transaction.ts'
import type { Eye } from '../observe/bounded.ts'
import { flagTable } from '../observe/flag.ts'
import { INIT } from '../packet/sctp.ts'
import type { Transport } from '../types.ts'
import { ACK, numbers, sidesOf, SYN } from './filter.ts'
import type { LiveSpec } from './spec.ts'

// Before everything else in the machine: conntrack looks at -200, services are translated at -100.
const priority = -300
/** What the kernel reports costs it a netlink message for each rule: never more than this, however much comes before the part is made smaller. */
const reported = { rate: 200n, seconds: 1n, burst: 100 }
const chains = ['prerouting', 'output'] as const

export interface LiveFlag extends Eye {
  /** Only those connections from now on whose number ends with so many zero bits. */
  thin(bits: number): void
}

/** Asks nf_tables to report what first packets from these clients to these servers meet. Its table goes with its owner's socket, as in ../observe/flag.ts. */
export function flagLive(ns: Netns | undefined, spec: LiveSpec): LiveFlag {
  const nft = openNftables(ns, { buffer: 256 * 1024 })
  const table = {
    family: 'ip',
    name: flagTable(spec.id),
    owned: true,
    comment: 'an application’s own traffic, watched',
  } as const
  const { clients, servers, ports } = sidesOf(spec)
  const sets: readonly [SetSpec, ReturnType<typeof packAddress>[]][] = [
    [{ name: 'clients', key: ['ipv4_addr'] }, clients.map(packBe32)],
    [{ name: 'servers', key: ['ipv4_addr'] }, servers.map(packBe32)],
    [{ name: 'ports', key: ['inet_service'] }, ports.map(packBe16)],
  ]
  const rules = (bits: number): Op[] =>
    chains.map((chain) => ({ op: 'add rule', chain, rule: ruleFor(spec, bits, servers.length > 0, ports.length > 0) }))
  try {
    nft.apply({
      table,
      ops: [
        { op: 'add table' },
        ...sets.flatMap(([set, keys]): Op[] => [
          { op: 'add set', set },
          ...(keys.length > 0
            ? [{ op: 'add elements', set: set.name, elements: keys.map((key) => ({ key })) } as const]
            : []),
        ]),
        ...chains.map(
          (hook): Op => ({
            op: 'add chain',
            chain: { name: hook, hook: { type: 'filter', hook, priority, policy: 'accept' } },
          }),
        ),
        ...rules(0),
      ],
    })
  } catch (error) {
    nft.close()
    throw error
  }
  return {
    thin: (bits) =>
      nft.apply({ table, ops: [...chains.map((chain): Op => ({ op: 'flush chain', chain })), ...rules(bits)] }),
    close: () => nft.closeElsewhere(),
  }
}

function ruleFor({ protocol }: LiveSpec, bits: number, named: boolean, ported: boolean): Rule {
  const { offset, length } = connectionNumbers[protocol]
  const mask = 2 ** bits - 1
  const pack = length === 4 ? packBe32 : packBe16
  return {
    exprs: [
      { kind: 'meta', key: 'l4proto', to: 0 },
      { kind: 'cmp', from: 0, op: 'eq', value: packU8(numbers[protocol]) },
      ...begins[protocol],
      ...(bits === 0
        ? []
        : ([
            { kind: 'payload', base: 'transport', offset, length, to: 0 },
            { kind: 'bitwise', from: 0, to: 0, mask: pack(mask), xor: pack(0) },
            { kind: 'cmp', from: 0, op: 'eq', value: pack(0) },
          ] as const)),
      ...among('network', 12, 4, 'clients'),
      ...(named ? among('network', 16, 4, 'servers') : []),
      ...(ported ? among('transport', 2, 2, 'ports') : []),
      { kind: 'limit', ...reported },
      { kind: 'immediate', to: 0, value: packU8(1) },
      { kind: 'meta', key: 'nftrace', from: 0 },
    ],
  }
}

function among(base: 'network' | 'transport', offset: number, length: 2 | 4, set: string): Expr[] {
  return [
    { kind: 'payload', base, offset, length, to: 0 },
    { kind: 'lookup', set, from: 0 },
  ]
}

/** Of a request's first packet, and no other. */
const begins: Readonly<Record<Transport, readonly Expr[]>> = {
  tcp: [
    { kind: 'payload', base: 'transport', offset: 13, length: 1, to: 0 },
    { kind: 'bitwise', from: 0, to: 0, mask: packU8(SYN | ACK), xor: packU8(0) },
    { kind: 'cmp', from: 0, op: 'eq', value: packU8(SYN) },
  ],
  udp: [],
  sctp: [
    { kind: 'payload', base: 'transport', offset: 12, length: 1, to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packU8(INIT) },
  ],
  icmp: [
    { kind: 'payload', base: 'transport', offset: 0, length: 1, to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packU8(8) },
  ],
}

/** Where filter.ts looks for it in a first packet. */
const connectionNumbers: Readonly<Record<Transport, { offset: number; length: 2 | 4 }>> = {
  tcp: { offset: 4, length: 4 },
  udp: { offset: 0, length: 2 },
  sctp: { offset: 16, length: 4 },
  icmp: { offset: 6, length: 2 },
}
