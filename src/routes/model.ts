import { type Address, type Cidr, contains, formatCidr, overlaps, parseAddress, parseCidr } from '../base/address.ts'
import type { Node } from '../api/objects/node.ts'

/** "The pods of this range are behind that machine": one line of the cluster's route table. */
export interface PodRoute {
  readonly node: string
  readonly to: Cidr
  readonly via: Address
}

/** Why a node has no route. Said once to the log; a node without a range is only not ready yet. */
export interface Skipped {
  readonly node: string
  readonly reason: 'no-range' | 'no-address' | 'bad-range' | 'overlap'
  readonly say: string
}

export interface RouteTable {
  readonly routes: readonly PodRoute[]
  readonly skipped: readonly Skipped[]
}

/**
 * The route table that a cluster's nodes call for: node.spec.podCIDRs by InternalIP of the same family. Of two nodes whose ranges
 * overlap the older one keeps its route, whatever the order in which they arrive.
 */
export function routesOf(nodes: readonly Node[]): RouteTable {
  const routes: PodRoute[] = []
  const skipped: Skipped[] = []
  for (const node of nodes.toSorted(byAge)) {
    const name = node.metadata.name
    const skip = (reason: Skipped['reason'], say: string): void => void skipped.push({ node: name, reason, say })
    const ranges = rangesOf(node)
    if (ranges.length === 0) skip('no-range', 'has no pod range yet')
    for (const text of ranges) {
      const to = parseCidr(text)
      if (to === undefined || to.prefix === 0) {
        skip('bad-range', `its pod range ${JSON.stringify(text.slice(0, 60))} is no address range`)
        continue
      }
      const via = internalAddresses(node).find((address) => address.includes(':') === (to.family === 6))
      if (via === undefined) {
        skip('no-address', `has no InternalIP of IPv${to.family} for its pod range ${text}`)
        continue
      }
      const rival = routes.find((route) => overlaps(route.to, to))
      if (rival !== undefined) {
        skip('overlap', `its pod range ${text} overlaps ${formatCidr(rival.to)} of the older node ${rival.node}`)
        continue
      }
      if (contains(to, via)) {
        skip('overlap', `its pod range ${text} contains its own address ${via}`)
        continue
      }
      routes.push({ node: name, to, via })
    }
  }
  return { routes, skipped }
}

function rangesOf(node: Node): string[] {
  const { podCIDR, podCIDRs } = node.spec ?? {}
  if (podCIDRs !== undefined && podCIDRs.length > 0) return podCIDRs
  return podCIDR === undefined || podCIDR === '' ? [] : [podCIDR]
}

function internalAddresses(node: Node): Address[] {
  return (node.status?.addresses ?? [])
    .filter((one) => one.type === 'InternalIP')
    .map((one) => parseAddress(one.address))
    .filter((one) => one !== undefined)
}

function byAge(a: Node, b: Node): number {
  const [one, other] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
  if (one !== other) return one < other ? -1 : 1
  return a.metadata.name < b.metadata.name ? -1 : 1
}
