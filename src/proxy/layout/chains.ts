import type { Cidr } from '../../base/address.ts'
import { ctStatus } from '../../kernel/nftables/expr/ct.ts'
import { fibTypes } from '../../kernel/nftables/expr/fib.ts'
import type { Expr } from '../../kernel/nftables/expr/index.ts'
import { packU32, packU8 } from '../../kernel/nftables/packed.ts'
import type { Rule } from '../../kernel/nftables/rule.ts'
import type { Chain } from '../../kernel/nftables/ruleset.ts'
import {
  ctStateIs,
  destination,
  flow,
  inRange,
  lookup,
  masked,
  masquerade,
  originalFlow,
  prefixMask,
  saveMark,
  source,
  throughMark,
  verdict,
} from './exprs.ts'
import type { FamilyFacts } from './family.ts'
import { protocols } from './keys.ts'
import { wayMask } from './numbers.ts'
import type { SetName } from './sets.ts'

/** What the rules have to know of the cluster. */
export interface Ranges {
  /** All pods of the cluster. */
  readonly podCidr: Cidr
  readonly serviceCidr: Cidr
  /** This node's own part of `podCidr`. */
  readonly ownPodCidr?: Cidr
  /** Whoever speaks to a cluster IP is masqueraded, pods too. */
  readonly masqueradeAll?: boolean
  /** Counts connections, packets and bytes of each address and port of a service. */
  readonly counters?: boolean
}

const dstnat = -100
const afterDstnat = -90
const srcnat = 100

/** Everything but the services: these chains are the same however many there are. */
export function baseChains(facts: FamilyFacts, ranges: Ranges): Chain[] {
  const restricted: Rule = {
    exprs: [...flow(facts, 0), lookup('restricted', 0), to('jump', sourcesChainName)],
    comment: 'a load balancer that not everybody may use',
  }
  const fromPod = [source(facts, 0), ...inRange(facts, ranges.podCidr, 0, 'eq')]
  const inside = (who: readonly Expr[]): Rule => ({
    exprs: [...who, ...pick(facts, 'inside')],
    comment: 'from inside the cluster to an address for the outside: as if it had gone out and come back',
  })
  const counted: Rule[] = ranges.counters
    ? [{ exprs: [...flow(facts, 0), lookup('connections', 0)], comment: 'count it' }]
    : []
  const services: Rule = { exprs: pick(facts, 'services'), comment: 'to a service: pick one of its endpoints' }
  return [
    {
      name: 'nat-prerouting',
      hook: { type: 'nat', hook: 'prerouting', priority: dstnat, policy: 'accept' },
      rules: [restricted, ...counted, inside(fromPod), services],
    },
    {
      name: 'nat-output',
      hook: { type: 'nat', hook: 'output', priority: dstnat, policy: 'accept' },
      rules: [restricted, ...counted, inside([]), services],
    },
    {
      name: 'nat-postrouting',
      hook: { type: 'nat', hook: 'postrouting', priority: srcnat, policy: 'accept' },
      rules: masquerades(facts, ranges),
    },
    // After translation (its priority is higher than dstnat): what still has a service's address here found no endpoint.
    {
      name: 'filter-prerouting',
      hook: { type: 'filter', hook: 'prerouting', priority: afterDstnat, policy: 'accept' },
      rules: [...counts(facts, ranges), ...untranslated(facts, ranges.serviceCidr)],
    },
    {
      name: 'filter-output',
      hook: { type: 'filter', hook: 'output', priority: afterDstnat, policy: 'accept' },
      rules: [...counts(facts, ranges), ...untranslated(facts, ranges.serviceCidr)],
    },
    {
      name: refuse,
      rules: [
        {
          exprs: [
            { kind: 'meta', key: 'l4proto', to: 0 },
            { kind: 'cmp', from: 0, op: 'eq', value: packU8(protocols.TCP) },
            { kind: 'reject', with: 'tcp reset', code: 0 },
          ],
        },
        { exprs: [{ kind: 'reject', with: 'icmp', code: facts.portUnreachable }] },
      ],
    },
  ]
}

const sourcesChainName = 'sources'
/** Not `reject`: nft could not read it back, it is a word of its language. */
const refuse = 'refuse'

/** Lets a sender pass that is in one of the ranges which the load balancer's service names; one rule for each length of prefix in use. */
export function sourcesChain(facts: FamilyFacts, prefixes: Iterable<number>): Chain {
  const range = facts.words + 2
  const length = range + facts.words
  return {
    name: sourcesChainName,
    rules: [
      ...[...prefixes]
        .sort((a, b) => b - a)
        .map((prefix) => ({
          exprs: [
            ...flow(facts, 0),
            source(facts, range),
            masked(range, range, prefixMask(facts, prefix)),
            // The length itself; nft 1.0.6 has no words for a constant that is part of a key.
            { kind: 'numgen', mode: 'inc', modulus: 1, offset: prefix, to: length } as const,
            lookup('sources', 0),
            verdict('return'),
          ],
          comment: `/${prefix}`,
        })),
      { exprs: [verdict('drop')], comment: 'from nowhere that it is for' },
    ],
  }
}

/** To the chain that picks, by way of the number that the map has for the flow. */
function pick(facts: FamilyFacts, map: 'services' | 'inside'): Expr[] {
  const [number, saved] = [0, 8]
  return [
    saveMark(saved),
    ...flow(facts, 0),
    lookup(map, 0, number),
    ...throughMark(number, saved),
    masked(number, number, packU32(wayMask)),
    lookup('ways', number, 'verdict'),
  ]
}

function masquerades(facts: FamilyFacts, { podCidr, serviceCidr, ownPodCidr, masqueradeAll }: Ranges): Rule[] {
  const toServices: Expr[] = [
    { kind: 'ct', key: facts.originalDestination, direction: 'original', to: 0 },
    ...inRange(facts, serviceCidr, 0, 'eq'),
  ]
  // Its own node's kernel knows the address of a load balancer, but not that of this node.
  const farPods: Rule[] = ownPodCidr
    ? [
        {
          exprs: [
            source(facts, 0),
            ...inRange(facts, podCidr, 0, 'eq'),
            source(facts, 0),
            ...inRange(facts, ownPodCidr, 0, 'neq'),
            ...originalFlow(facts, 0),
            lookup('external-local', 0),
            masquerade(),
          ],
          comment: 'a pod of another node that asks this one: the answer has to come back through this node',
        },
      ]
    : []
  return [
    {
      exprs: [source(facts, 0), destination(facts, facts.words), lookup('hairpin', 0), masquerade()],
      comment: 'a pod that reaches itself: the answer has to come back through the node',
    },
    {
      exprs: [...originalFlow(facts, 0), lookup('external', 0), masquerade()],
      comment: 'to an address for the outside, served anywhere: the answer has to come back through this node',
    },
    {
      exprs: [
        { kind: 'fib', result: 'type', fields: ['saddr'], to: 0 },
        { kind: 'cmp', from: 0, op: 'eq', value: packU32(fibTypes.local) },
        ...originalFlow(facts, 0),
        lookup('external-local', 0),
        masquerade(),
      ],
      comment: 'the node itself to an address for the outside, which may be its own source address',
    },
    ...farPods,
    masqueradeAll
      ? { exprs: [...toServices, masquerade()], comment: 'to a service' }
      : {
          exprs: [source(facts, 0), ...inRange(facts, podCidr, 0, 'neq'), ...toServices, masquerade()],
          comment: 'to a service from outside the pods: the answer has to come back through this node',
        },
  ]
}

/** Counts every packet of a translated connection, on its way in or back: here each passes once. */
function counts(facts: FamilyFacts, { counters }: Ranges): Rule[] {
  if (!counters) return []
  const count = (direction: number, set: SetName): Expr[] => [
    { kind: 'ct', key: 'status', to: 0 },
    masked(0, 0, packU32(ctStatus.dnat)),
    { kind: 'cmp', from: 0, op: 'neq', value: packU32(0) },
    { kind: 'ct', key: 'direction', to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packU8(direction) },
    ...originalFlow(facts, 0),
    lookup(set, 0),
  ]
  return [
    { exprs: count(IP_CT_DIR_ORIGINAL, 'sent'), comment: 'count what goes to endpoints' },
    { exprs: count(IP_CT_DIR_REPLY, 'received'), comment: 'count what comes back' },
  ]
}

/** linux/netfilter/nf_conntrack_tuple_common.h */
const IP_CT_DIR_ORIGINAL = 0
const IP_CT_DIR_REPLY = 1

/** The first rules let nearly every packet go at once. */
function untranslated(facts: FamilyFacts, serviceCidr: Cidr): Rule[] {
  const toServices = (op: 'eq' | 'neq'): Expr[] => [destination(facts, 0), ...inRange(facts, serviceCidr, 0, op)]
  return [
    // Untracked packets are never translated: whoever left them untracked (a DNS cache on the node, say) has other plans.
    { exprs: [...ctStateIs('established', 'related', 'untracked'), verdict('accept')] },
    {
      exprs: [...ctStateIs('invalid'), ...toServices('eq'), verdict('drop')],
      comment: 'of no known connection: a refusal could end a living one',
    },
    { exprs: [...ctStateIs('invalid'), verdict('accept')], comment: 'not to a service' },
    {
      exprs: [...flow(facts, 0), lookup('no-endpoints', 0), to('goto', refuse)],
      comment: 'a service without endpoints',
    },
    {
      exprs: [...flow(facts, 0), lookup('no-local-endpoints', 0), verdict('drop')],
      comment: 'a service without endpoints on this node, where its policy wants one',
    },
    { exprs: [...toServices('neq'), verdict('accept')], comment: 'not to a service' },
    {
      exprs: [destination(facts, 0), lookup('service-ips', 0), to('goto', refuse)],
      comment: 'a service, but not one of its ports',
    },
    { exprs: [verdict('drop')], comment: 'no service has this address' },
  ]
}

function to(verdict: 'jump' | 'goto', chain: string): Expr {
  return { kind: 'immediate', verdict: { verdict, chain } }
}
