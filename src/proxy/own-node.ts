import type { Client } from '../api/client/client.ts'
import type { Node } from '../api/objects/node.ts'
import { type Address, type Cidr, contains, family, parseAddress, parseCidr } from '../base/address.ts'
import { openRouteSocket } from '../kernel/rtnetlink/socket.ts'
import { followNetwork } from '../kernel/rtnetlink/follow.ts'
import { packAddress } from '../kernel/nftables/packed.ts'
import type { Netns } from '../kernel/netns.ts'
import type { NodeFacts } from './node.ts'
import { isReachable } from './packed-address.ts'

/** Which addresses of a node answer node ports: the one that the Node object calls its own, or all in these ranges. */
export type NodePortAddresses = 'primary' | readonly Cidr[]

export interface OwnNodeOptions {
  readonly client: Pick<Client, 'follow'>
  readonly name: string
  readonly podCidr: Cidr
  readonly serviceCidr: Cidr
  readonly nodePortAddresses: NodePortAddresses
  readonly masqueradeAll: boolean
  readonly counters: boolean
  readonly ns: Netns | undefined
  /** The facts are others now. */
  readonly onChange: () => void
  /** Whether the node stays; not called before that changes. */
  readonly onEligible: (eligible: boolean) => void
}

export interface OwnNode {
  /** Fulfilled when the Node object has been looked for. */
  readonly synced: Promise<void>
  facts(): NodeFacts
  close(): void
}

/** Set by the cluster autoscaler on nodes that it takes away; upstream's health check looks at it too. */
const goingTaint = 'ToBeDeletedByClusterAutoscaler'
const zoneLabel = 'topology.kubernetes.io/zone'

/** What the rules have to know of the node that they are for: from its Node object, and from its kernel, as both change. */
export function followOwnNode(options: OwnNodeOptions): OwnNode {
  const { client, name, podCidr, serviceCidr, nodePortAddresses, masqueradeAll, counters, ns } = options
  let node: Node | undefined
  let known = ''
  let stays = true
  /** Of the time when there was a Node object with one: it may be made again, and node ports go on meanwhile. */
  let primary: Address[] = []
  let started = false
  let facts = look()
  const follower = client.follow('Node', {
    fieldSelector: `metadata.name=${name}`,
    onChange(change) {
      if (change.object.metadata.name !== name) return
      node = change.type === 'deleted' ? undefined : change.object
      update()
    },
  })
  const stop = followNetwork({ ...(ns ? { ns } : {}), kinds: ['address'], onNews: update, onLost: update })
  // What changed before the subscription is in no news, and nobody has asked yet.
  update()
  started = true

  function update(): void {
    facts = look()
    if (eligible() !== stays) options.onEligible((stays = !stays))
    const now = JSON.stringify(facts)
    if (now === known) return
    known = now
    if (started) options.onChange()
  }

  function look(): NodeFacts {
    const zone = node?.metadata.labels?.[zoneLabel]
    const ownPodCidr = ownRange(node, serviceCidr.family)
    const addresses = localAddresses(ns, serviceCidr.family)
    return {
      name,
      ...(zone === undefined ? {} : { zone }),
      podCidr,
      serviceCidr,
      ...(ownPodCidr ? { ownPodCidr } : {}),
      nodePortAddresses:
        nodePortAddresses === 'primary'
          ? (primary = primaryOf(node, serviceCidr.family) ?? primary)
          : addresses.filter((own) => nodePortAddresses.some((range) => contains(range, own))),
      addresses,
      masqueradeAll,
      counters,
    }
  }

  /** False once the node is about to go: nothing new should be sent to it. */
  function eligible(): boolean {
    return (
      node === undefined ||
      (node.metadata.deletionTimestamp === undefined && !node.spec?.taints?.some(({ key }) => key === goingTaint))
    )
  }

  return {
    synced: follower.synced,
    facts: () => facts,
    close() {
      follower.close()
      stop()
    },
  }
}

function ownRange(node: Node | undefined, wanted: Cidr['family']): Cidr | undefined {
  const { podCIDR, podCIDRs = podCIDR === undefined ? [] : [podCIDR] } = node?.spec ?? {}
  return podCIDRs.map((text) => parseCidr(text)).find((range) => range?.family === wanted)
}

function primaryOf(node: Node | undefined, wanted: Cidr['family']): Address[] | undefined {
  for (const { type, address } of node?.status?.addresses ?? []) {
    const parsed = type === 'InternalIP' ? parseAddress(address) : undefined
    if (parsed !== undefined && family(parsed) === wanted && isReachable(packAddress(parsed))) return [parsed]
  }
  return undefined
}

/** Without those that only this machine can use. In order, so that the same addresses are the same facts. */
function localAddresses(ns: Netns | undefined, wanted: Cidr['family']): Address[] {
  using socket = openRouteSocket(ns)
  const all = socket.addresses().map(({ address }) => address)
  return [...new Set(all.filter((address) => family(address) === wanted && isReachable(packAddress(address))))].sort()
}
