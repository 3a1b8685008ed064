import type { Address, Cidr } from '../base/address.ts'
import type { Register } from '../kernel/nftables/data.ts'
import { ctState } from '../kernel/nftables/expr/ct.ts'
import type { Expr } from '../kernel/nftables/expr/index.ts'
import { portUnreachable } from '../kernel/nftables/expr/reject.ts'
import {
  concat,
  type Packed,
  pack,
  packAddress,
  packBe16,
  packU32,
  packU8,
  unpackU32,
} from '../kernel/nftables/packed.ts'
import type { Rule } from '../kernel/nftables/rule.ts'
import type { Chain, Datum } from '../kernel/nftables/ruleset.ts'
import type { FieldType, SetSpec } from '../kernel/nftables/set.ts'
import type { Table } from '../kernel/nftables/table.ts'

// The shape of the ruleset. A service is only elements; rules and chains are the same for all of them (README.md has the picture,
// docs/decisions/service-maps.md the reasons). Only this file knows names, registers and rules.

export const table: Table = { family: 'ip', name: 'kubehop', comment: 'Kubernetes services' }

/** IANA's numbers of the protocols that a service's port may have. */
export const protocols = { TCP: 6, UDP: 17, SCTP: 132 } as const
export type Protocol = keyof typeof protocols

const address = 'ipv4_addr'
const flow: readonly FieldType[] = [address, 'inet_proto', 'inet_service']

export type SetName =
  | 'endpoints'
  | 'ways'
  | 'services'
  | 'no-endpoints'
  | 'no-local-endpoints'
  | 'service-ips'
  | 'hairpin'

/** In the order in which they are filled: what others point at comes first. */
export const sets: Readonly<Record<SetName, SetSpec>> = {
  endpoints: {
    name: 'endpoints',
    key: [...flow, 'mark'],
    data: [address, 'inet_service'],
    comment: 'service address, protocol, port, number of the endpoint : endpoint',
  },
  ways: {
    name: 'ways',
    key: ['mark'],
    data: 'verdict',
    comment: 'number of endpoints : the chain that picks one of so many',
  },
  services: {
    name: 'services',
    key: flow,
    data: ['mark'],
    comment: 'service address, protocol, port : number of endpoints',
  },
  'no-endpoints': { name: 'no-endpoints', key: flow, comment: 'service address, protocol, port : nobody to serve it' },
  'no-local-endpoints': {
    name: 'no-local-endpoints',
    key: flow,
    comment: 'service address, protocol, port : only endpoints of this node may serve it, and there are none',
  },
  'service-ips': { name: 'service-ips', key: [address], comment: 'every service address' },
  hairpin: {
    name: 'hairpin',
    key: [address, address],
    comment: 'endpoints on this node, twice: those that may reach themselves',
  },
}

/** The lower half of what the map `services` holds; the upper half is for ways of picking to come (session affinity). */
export const maxEndpoints = 0xffff

/** What the map `services` holds, and the key of `ways`. */
export function way(endpoints: number): Packed {
  return packU32(endpoints)
}

export function endpointsOf(value: Datum | undefined): number {
  return typeof value === 'string' ? unpackU32(value) & maxEndpoints : 0
}

/** The key of `endpoints` for one slot of a service's flow. */
export function slotKey(flowKey: Packed, slot: number): Packed {
  return (flowKey + packU32(slot)) as Packed
}

/** The key of `services`. */
export function flowOf(service: Packed, protocol: Protocol, port: number): Packed {
  return concat(service, packU8(protocols[protocol]), packBe16(port))
}

/** What `endpoints` holds. */
export function endpointValue(address: Address, port: number): Packed {
  return concat(packAddress(address), packBe16(port))
}

export function pickName(endpoints: number): string {
  return `pick-${endpoints}`
}

/** Chooses one of so many endpoints. One chain serves every service that has this many. */
export function pickChain(endpoints: number): Chain {
  const comment = endpoints === 1 ? 'the only endpoint' : `one of ${endpoints} endpoints, at random`
  const rules: Rule[] = [{ exprs: toEndpoint(endpoints), comment }]
  // A packet may have read the number of endpoints before a change, and look for the last of them after it.
  if (endpoints > 1)
    rules.push({ exprs: toEndpoint(1), comment: 'the chosen endpoint left at this very moment: the first one' })
  return { name: pickName(endpoints), rules }
}

/** Everything but the services. `podCidr` is the range of all pods of the cluster. */
export function baseChains(podCidr: Cidr, serviceCidr: Cidr): Chain[] {
  return [
    {
      name: 'nat-prerouting',
      hook: { type: 'nat', hook: 'prerouting', priority: dstnat, policy: 'accept' },
      rules: [toService],
    },
    {
      name: 'nat-output',
      hook: { type: 'nat', hook: 'output', priority: dstnat, policy: 'accept' },
      rules: [toService],
    },
    {
      name: 'nat-postrouting',
      hook: { type: 'nat', hook: 'postrouting', priority: srcnat, policy: 'accept' },
      rules: [
        {
          exprs: [ipSource(0), ipDestination(1), { kind: 'lookup', set: 'hairpin', from: 0 }, masquerade],
          comment: 'a pod that reaches itself: the answer has to come back through the node',
        },
        {
          exprs: [
            ipSource(0),
            ...inRange(podCidr, 0, 'neq'),
            { kind: 'ct', key: 'dst-ip', direction: 'original', to: 0 },
            ...inRange(serviceCidr, 0, 'eq'),
            masquerade,
          ],
          comment: 'to a service from outside the pods: the answer has to come back through this node',
        },
      ],
    },
    // After translation (its priority is higher than dstnat): what still has a service's address here found no endpoint.
    {
      name: 'filter-prerouting',
      hook: { type: 'filter', hook: 'prerouting', priority: afterDstnat, policy: 'accept' },
      rules: untranslated(serviceCidr),
    },
    {
      name: 'filter-output',
      hook: { type: 'filter', hook: 'output', priority: afterDstnat, policy: 'accept' },
      rules: untranslated(serviceCidr),
    },
    {
      name: 'reject',
      rules: [
        {
          exprs: [
            { kind: 'meta', key: 'l4proto', to: 0 },
            { kind: 'cmp', from: 0, op: 'eq', value: packU8(protocols.TCP) },
            { kind: 'reject', with: 'tcp reset', code: 0 },
          ],
        },
        { exprs: [{ kind: 'reject', with: 'icmp', code: portUnreachable }] },
      ],
    },
  ]
}

const dstnat = -100
const afterDstnat = -90
const srcnat = 100

function ipSource(to: Register): Expr {
  return { kind: 'payload', base: 'network', offset: 12, length: 4, to }
}

function ipDestination(to: Register): Expr {
  return { kind: 'payload', base: 'network', offset: 16, length: 4, to }
}

/** Destination address, protocol and destination port into three registers: the key of `services`, the start of `endpoints`'. */
function flowKey(to: Register): Expr[] {
  return [
    ipDestination(to),
    { kind: 'meta', key: 'l4proto', to: to + 1 },
    { kind: 'payload', base: 'transport', offset: 2, length: 2, to: to + 2 },
  ]
}

/** Any endpoint of the first so many. */
function toEndpoint(of: number): Expr[] {
  return [
    ...flowKey(0),
    { kind: 'numgen', mode: 'random', modulus: of, offset: 0, to: 3 },
    { kind: 'lookup', set: 'endpoints', from: 0, to: 0 },
    { kind: 'nat', type: 'dnat', family: 'ip', address: 0, port: 1, flags: [] },
  ]
}

const masquerade: Expr = { kind: 'masq', flags: ['fully-random'] }

const toService: Rule = {
  exprs: [
    // The number of endpoints goes through the packet's mark, which is put back before anyone sees it: straight from one lookup
    // to the next would do for the kernel, but then `nft list ruleset` aborts (it does not know how long the value is).
    { kind: 'meta', key: 'mark', to: 4 },
    ...flowKey(0),
    { kind: 'lookup', set: 'services', from: 0, to: 0 },
    { kind: 'meta', key: 'mark', from: 0 },
    { kind: 'meta', key: 'mark', to: 0 },
    { kind: 'meta', key: 'mark', from: 4 },
    { kind: 'lookup', set: 'ways', from: 0, to: 'verdict' },
  ],
  comment: 'to a service: pick one of its endpoints',
}

function inRange(range: Cidr, register: Register, op: 'eq' | 'neq'): Expr[] {
  if (range.family !== 4) throw new TypeError(`${range.address} is not of the table's family`)
  const bits = range.prefix === 0 ? 0 : (-1 << (32 - range.prefix)) >>> 0
  const mask = pack(Uint8Array.of(bits >>> 24, (bits >>> 16) & 0xff, (bits >>> 8) & 0xff, bits & 0xff))
  return [
    { kind: 'bitwise', from: register, to: register, mask, xor: packU32(0) },
    { kind: 'cmp', from: register, op, value: packAddress(range.address) },
  ]
}

function ctStateIs(bits: number): Expr[] {
  return [
    { kind: 'ct', key: 'state', to: 0 },
    { kind: 'bitwise', from: 0, to: 0, mask: packU32(bits), xor: packU32(0) },
    { kind: 'cmp', from: 0, op: 'neq', value: packU32(0) },
  ]
}

const toReject: Expr = { kind: 'immediate', verdict: { verdict: 'goto', chain: 'reject' } }

/** The first two rules let nearly every packet go at once. */
function untranslated(serviceCidr: Cidr): Rule[] {
  return [
    // Untracked packets are never translated: whoever left them untracked (a DNS cache on the node, say) has other plans.
    { exprs: [...ctStateIs(ctState.established | ctState.related | ctState.untracked), verdict('accept')] },
    {
      exprs: [ipDestination(0), ...inRange(serviceCidr, 0, 'neq'), verdict('accept')],
      comment: 'not to a service',
    },
    {
      exprs: [...ctStateIs(ctState.invalid), verdict('drop')],
      comment: 'of no known connection: a refusal could end a living one',
    },
    {
      exprs: [...flowKey(0), { kind: 'lookup', set: 'no-endpoints', from: 0 }, toReject],
      comment: 'a service without endpoints',
    },
    {
      exprs: [...flowKey(0), { kind: 'lookup', set: 'no-local-endpoints', from: 0 }, verdict('drop')],
      comment: 'a service without endpoints on this node, where its policy wants one',
    },
    {
      exprs: [ipDestination(0), { kind: 'lookup', set: 'service-ips', from: 0 }, toReject],
      comment: 'a service, but not one of its ports',
    },
    { exprs: [verdict('drop')], comment: 'no service has this address' },
  ]
}

function verdict(which: 'accept' | 'drop'): Expr {
  return { kind: 'immediate', verdict: { verdict: which } }
}
