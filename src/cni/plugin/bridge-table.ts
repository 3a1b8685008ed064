import { type Cidr, family, rangeAround } from '../../base/address.ts'
import type { Expr } from '../../kernel/nftables/expr/index.ts'
import { concat, pack, type Packed, packAddress, packBe16 } from '../../kernel/nftables/packed.ts'
import type { Rule } from '../../kernel/nftables/rule.ts'
import type { Chain, Ruleset } from '../../kernel/nftables/ruleset.ts'
import type { Table } from '../../kernel/nftables/table.ts'
import { type Mac, macBytes } from '../../kernel/rtnetlink/mac.ts'
import type { Gateway } from '../bridge.ts'
import { ownTable } from './leases.ts'

// What the bridge itself drops, before anybody routes or learns anything: a table for each network that asks for it.

/** The bridge of a network with promiscMode, and its pods' gateways. */
export interface Promiscuous {
  readonly mac: Mac
  readonly gateways: readonly Gateway[]
}

export function bridgeTableOf(network: string): Table {
  return { family: 'bridge', name: ownTable(network) }
}

/** Everything but the elements. */
export function bridgeTable(network: string, promiscuous: Promiscuous | undefined): Ruleset {
  const chains = [spoofs, ...(promiscuous === undefined ? [] : [duplicates(promiscuous)])]
  const sets = [
    { name: 'checked', key: ['ifname'] },
    { name: 'senders', key: ['ifname', 'ether_addr'] },
  ] as const
  return {
    table: bridgeTableOf(network),
    chains: new Map(chains.map((chain) => [chain.name, chain])),
    sets: new Map(sets.map((spec) => [spec.name, { spec, elements: new Map() }])),
  }
}

/** Of the set `checked`. */
export function portKey(hostDevice: string): Packed {
  return hostDevice.padEnd(16, '\0') as Packed
}

/** Of the set `senders`. */
export function senderKey(hostDevice: string, mac: Mac): Packed {
  return concat(portKey(hostDevice), pack(macBytes(mac)))
}

const drop: Expr = { kind: 'immediate', verdict: { verdict: 'drop' } }
// struct ethhdr: receiver, sender, protocol.
const sender = (to: number): Expr => ({ kind: 'payload', base: 'link', offset: 6, length: 6, to })
const protocol = (to: number): Expr => ({ kind: 'payload', base: 'link', offset: 12, length: 2, to })

/** Before the bridge learns where a sender is. */
const spoofs: Chain = {
  name: 'prerouting',
  hook: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' },
  rules: [
    {
      exprs: [
        { kind: 'meta', key: 'iifname', to: 0 },
        { kind: 'lookup', set: 'checked', from: 0 },
        sender(4),
        { kind: 'lookup', set: 'senders', from: 0, inverted: true },
        drop,
      ],
      comment: 'with a sender that is not the pod',
    },
  ],
}

/**
 * A promiscuous bridge hands the node every frame, also what it delivers itself. Where the node had translated the receiver, it takes such a
 * frame for its own, and sends it to the pod a second time: then with the bridge's Ethernet address, and still the sending pod's IP address.
 */
function duplicates({ mac, gateways }: Promiscuous): Chain {
  return {
    name: 'output',
    hook: { type: 'filter', hook: 'output', priority: 0, policy: 'accept' },
    rules: gateways.map((gateway) => duplicate(mac, gateway)),
  }
}

function duplicate(mac: Mac, { address, prefix }: Gateway): Rule {
  const range = rangeAround(address, prefix)
  return {
    exprs: [
      sender(0),
      { kind: 'cmp', from: 0, op: 'eq', value: pack(macBytes(mac)) },
      protocol(0),
      { kind: 'cmp', from: 0, op: 'eq', value: packBe16(range.family === 4 ? 0x0800 : 0x86dd) },
      source(range),
      { kind: 'cmp', from: 0, op: 'neq', value: packAddress(address) },
      { kind: 'bitwise', from: 0, to: 0, mask: maskOf(range), xor: pack(new Uint8Array(lengthOf(range))) },
      { kind: 'cmp', from: 0, op: 'eq', value: packAddress(range.address) },
      drop,
    ],
    comment: 'from a pod, and on its way already',
  }
}

/** struct iphdr and struct ipv6hdr. */
function source(range: Cidr): Expr {
  return { kind: 'payload', base: 'network', offset: range.family === 4 ? 12 : 8, length: lengthOf(range), to: 0 }
}

function lengthOf({ address }: Cidr): number {
  return family(address) === 4 ? 4 : 16
}

function maskOf(range: Cidr): Packed {
  const bits = (at: number): number => (0xff00 >> Math.min(8, Math.max(0, range.prefix - 8 * at))) & 0xff
  return pack(Uint8Array.from({ length: lengthOf(range) }, (_, at) => bits(at)))
}
