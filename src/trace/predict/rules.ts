import { type Address, hostPort, parseAddress, parseCidr } from '../../base/address.ts'
import type { HookName } from '../../kernel/nftables/chain.ts'
import type { Packet } from '../../kernel/nftables/packet.ts'
import type { Chain, Ruleset } from '../../kernel/nftables/ruleset.ts'
import { type Passage, type Step, walk } from '../../kernel/nftables/walk.ts'
import { model } from '../../proxy/model.ts'
import type { Service } from '../../api/objects/service.ts'
import { type Cluster, nodeAddresses, servicesWith, slicesOf } from '../cluster/cluster.ts'
import type { Machine } from './machine.ts'
import { type Decider, isEarly, masqueraded, type Met } from './met.ts'
import { published } from './published.ts'
import type { Ranges } from './ranges.ts'

export type { Decider, Met } from './met.ts'

/** Which of several endpoints is drawn: `slot`, or, where it can be, the one with this address and port. */
export interface Dice {
  readonly slot: number
  readonly prefer?: string
}

export interface RuleBook {
  readonly cluster: Cluster
  readonly ranges: Ranges
  /** Of one prediction: a machine meets the same packet in several hooks. */
  readonly made?: Map<string, Ruleset>
}

/**
 * Every table of the machine in the kernel's order: each base chain by its priority, whosever it is. `undo`: what the machine remembers of
 * the connection puts back in this hook; chains before that see the packet as it came. `sender`: the address that a masquerade puts.
 */
export function meet(
  book: RuleBook,
  machine: Machine,
  hook: HookName,
  packet: Packet,
  dice: Dice,
  { undo, sender }: { undo?: (packet: Packet) => Packet; sender?: Address } = {},
): Met {
  const bases = [...servicesOf(book, machine, packet), ...machine.tables]
    .flatMap((ruleset) => basesOf(ruleset, hook))
    .sort((a, b) => a.place - b.place)
  let met: Met = { fate: 'accept', packet, of: 1, masquerade: false }
  let undone = undo === undefined
  const putBack = (): void => {
    if (!undone && undo) met = { ...met, packet: undo(met.packet) }
    undone = true
  }
  let isPublished = false
  const publish = (): void => {
    if (!isPublished) met = published(book.cluster, machine, hook, met, sender)
    isPublished = true
  }
  const nat = isEarly(hook) ? dstnat : srcnat
  for (const { alone, services, place } of bases) {
    if (place >= nat) putBack()
    if (place >= nat + 1) publish()
    const { passage, of } = draw(alone, hook, met.packet, dice)
    const changed =
      passage.packet.destination !== met.packet.destination ||
      passage.packet.destinationPort !== met.packet.destinationPort
    const decided =
      passage.fate !== 'accept' || changed || passage.masquerade || passage.packet.source !== met.packet.source
    const by = decided ? deciderOf(services, alone, passage.steps) : met.by
    met = {
      fate: passage.fate,
      packet: passage.masquerade ? masqueraded(passage.packet, sender) : passage.packet,
      of: Math.max(met.of, of),
      masquerade: met.masquerade || passage.masquerade,
      ...(by && { by }),
      ...(changed || passage.masquerade
        ? by && { translatedBy: by }
        : met.translatedBy && { translatedBy: met.translatedBy }),
    }
    if (met.fate !== 'accept') return met
  }
  putBack()
  publish()
  return met
}

/** NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC (linux/netfilter_ipv4.h). */
const dstnat = -100
const srcnat = 100

function draw(
  ruleset: Ruleset,
  hook: HookName,
  packet: Packet,
  { slot, prefer }: Dice,
): { passage: Passage; of: number } {
  let of = 1
  const at = (wanted: number): Passage =>
    walk(ruleset, hook, packet, (modulus) => {
      of = Math.max(of, modulus)
      return wanted < modulus ? wanted : 0
    })
  const first = at(slot)
  if (of === 1 || prefer === undefined) return { passage: first, of }
  for (let wanted = 0; wanted < of; wanted++) {
    const passage = at(wanted)
    if (hostPort(passage.packet.destination, passage.packet.destinationPort) === prefer) return { passage, of }
  }
  return { passage: first, of }
}

interface Base {
  /** The ruleset with one base chain only. */
  readonly alone: Ruleset
  readonly services: boolean
  readonly place: number
}

function basesOf(ruleset: Ruleset & { readonly services?: true }, hook: HookName): Base[] {
  const bases = [...ruleset.chains.values()].filter((chain) => chain.hook?.hook === hook)
  return bases.map((base) => ({
    alone: {
      ...ruleset,
      chains: new Map([...ruleset.chains].filter(([, chain]) => chain === base || chain.hook?.hook !== hook)),
    },
    services: ruleset.services ?? false,
    place: placeOf(base),
  }))
}

/** Translation has its place in a hook, whatever the chain's own priority (as in walk.ts). */
function placeOf({ hook }: Chain): number {
  if (!hook) return 0
  if (hook.type !== 'nat') return hook.priority
  return (isEarly(hook.hook) ? dstnat : srcnat) + hook.priority / 100_000
}

function deciderOf(services: boolean, { table }: Ruleset, steps: readonly Step[]): Decider {
  const last = steps.at(-1)
  const rule = last?.rule.comment === undefined ? {} : { rule: last.rule.comment }
  if (services) {
    const meant = steps.findLast(({ rule: one }) => one.comment !== undefined)?.rule.comment
    return { kind: 'services', ...(meant !== undefined && { rule: meant }) }
  }
  return { kind: 'table', table: table.name, chain: last?.chain ?? 'policy', ...rule }
}

/**
 * A node's rules for services. They are made of each service alone, so only those that have the packet's address matter, or, to the
 * node itself, those with its node port.
 */
function servicesOf(
  { cluster, ranges, made }: RuleBook,
  { place, addresses, serves }: Machine,
  packet: Packet,
): Ruleset[] {
  if (place.kind !== 'node' || !serves) return []
  const node = cluster.nodes.find(({ metadata }) => metadata.name === place.name)
  // Which rules masquerade is decided by where the connection was for.
  const { destination: to, destinationPort: port } = packet.original ?? packet
  const itself = packet.source === packet.destination
  const key = `${place.name} ${to} ${port} ${itself ? packet.source : ''}`
  const known = made?.get(key)
  if (known) return [known]
  const own = addresses.map(({ address }) => address).filter((address) => !address.startsWith('127.'))
  const primary = primaryOf(cluster, place.name)
  const named = new Set(servicesWith(cluster, to))
  const services = cluster.services.filter(
    (service) =>
      named.has(service) ||
      // Whoever reaches itself is masqueraded where any service leads to it.
      (itself && leadsTo(cluster, service, packet.destination)) ||
      (primary === to && service.spec.ports?.some(({ nodePort }) => nodePort === port)),
  )
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone']
  const ownPodCidr = parseCidr(node?.spec?.podCIDR ?? '')
  const slices = services.flatMap((service) => slicesOf(cluster, service))
  const ruleset = model(services, slices, {
    name: place.name,
    ...(zone === undefined ? {} : { zone }),
    ...(ownPodCidr ? { ownPodCidr } : {}),
    podCidr: ranges.pods,
    serviceCidr: ranges.services,
    nodePortAddresses: primary === undefined ? [] : [primary],
    addresses: own,
  })
  const marked = { ...ruleset, services: true } as Ruleset
  made?.set(key, marked)
  return [marked]
}

function leadsTo(cluster: Cluster, service: Service, to: Address): boolean {
  return slicesOf(cluster, service).some(({ endpoints }) => endpoints.some(({ addresses }) => addresses.includes(to)))
}

function primaryOf(cluster: Cluster, name: string): Address | undefined {
  const node = cluster.nodes.find(({ metadata }) => metadata.name === name)
  const internal = node?.status?.addresses?.find(({ type, address }) => type === 'InternalIP' && !address.includes(':'))
  return internal ? parseAddress(internal.address) : node && nodeAddresses(node)[0]
}
