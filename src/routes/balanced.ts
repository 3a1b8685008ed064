import { type EndpointSlice, serviceNameLabel } from '../api/objects/endpointslice.ts'
import { type Node, takesOutsideTraffic } from '../api/objects/node.ts'
import { balancedAddresses, type Service } from '../api/objects/service.ts'
import { type Address, cidr, contains, family, parseAddress } from '../base/address.ts'
import { keyOf } from '../api/client/client.ts'
import type { PodRoute } from './model.ts'

// What a cloud's load balancer does for packets from outside: it brings them to a node that answers. Here the router does it, with one line
// for each address and one node at a time, as MetalLB in its layer 2 mode. Who has the address is said by status.loadBalancer.

/**
 * One route for each address of each Service of type LoadBalancer: to the first node by name that takes traffic from outside and, with
 * externalTrafficPolicy Local, has a ready endpoint. None for an address that a node has itself, or that is in a range of `pods`, and
 * none while no node would answer. Of two services with one address the first by namespace and name decides.
 */
export function balancedRoutes(
  services: Iterable<Service>,
  nodes: readonly Node[],
  slices: Iterable<EndpointSlice>,
  pods: readonly PodRoute[],
): PodRoute[] {
  const ways = nodes
    .filter(takesOutsideTraffic)
    .map((node) => ({ name: node.metadata.name, addresses: addressesOf(node, 'InternalIP') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const taken = new Set(nodes.flatMap((node) => addressesOf(node)))
  const ready = readyNodes(slices)
  const routes = new Map<Address, PodRoute>()
  for (const service of [...services].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)))
    for (const address of balancedAddresses(service)) {
      if (routes.has(address) || taken.has(address) || pods.some(({ to }) => contains(to, address))) continue
      const local =
        service.spec.externalTrafficPolicy === 'Local' ? (ready.get(keyOf(service)) ?? new Set()) : undefined
      for (const { name, addresses } of ways) {
        const via = addresses.find((one) => family(one) === family(address))
        if (via === undefined || local?.has(name) === false) continue
        routes.set(address, { node: name, to: cidr(`${address}/${family(address) === 4 ? 32 : 128}`), via })
        break
      }
    }
  return [...routes.values()]
}

/** By service, the nodes with a ready endpoint of it. */
function readyNodes(slices: Iterable<EndpointSlice>): Map<string, Set<string>> {
  const nodes = new Map<string, Set<string>>()
  for (const { metadata, endpoints } of slices) {
    const key = `${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`
    const here = nodes.get(key) ?? new Set()
    nodes.set(key, here)
    for (const { nodeName, conditions } of endpoints)
      if (nodeName !== undefined && conditions?.ready !== false) here.add(nodeName)
  }
  return nodes
}

function addressesOf({ status }: Node, type?: string): Address[] {
  return (status?.addresses ?? [])
    .filter((one) => type === undefined || one.type === type)
    .flatMap(({ address }) => parseAddress(address) ?? [])
}
