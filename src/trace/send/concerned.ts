import type { Pod } from '../../api/objects/pod.ts'
import { balancedAddresses, type Service } from '../../api/objects/service.ts'
import { type Address, parseAddress } from '../../base/address.ts'
import {
  type Cluster,
  nodeAt,
  nodeOfRange,
  nodesThatServe,
  ownerOf,
  serviceAddresses,
  serviceAt,
  slicesOf,
} from '../cluster/cluster.ts'
import { hostPortAt } from '../cluster/host-port.ts'
import type { Origin } from '../origin.ts'

/** Where a request may show up, and as what. */
export interface Concerned {
  readonly pods: readonly Pod[]
  /** Names of nodes, those of the pods among them. */
  readonly nodes: readonly string[]
  /** The sender's first; then what the request may be translated to. */
  readonly addresses: readonly Address[]
}

/** As many addresses as an agent takes. */
const mostAddresses = 4096

/** Who and what may have to do with a request, by the objects. */
export function concerned(
  cluster: Cluster,
  source: Origin,
  to: { readonly address: Address; readonly port: number },
  protocol: string,
): Concerned {
  const addresses = new Set([source.address, to.address])
  const pods = new Set(source.kind === 'pod' && source.pod ? [source.pod] : [])
  const nodes = new Set(source.kind === 'outside' ? [] : [source.node])
  const add = (address: Address): void => {
    const owner = ownerOf(cluster, address)
    if (owner.kind === 'pod') pods.add(owner.pod)
    // An external IP of a service can be a node's own address.
    const node = owner.kind === 'node' ? owner.node : nodeAt(cluster, address)
    if (node) nodes.add(node.metadata.name)
    // An address that no pod has (any more) is followed to the node that it would be on.
    const range = nodeOfRange(cluster, address)
    if (range) nodes.add(range.node.metadata.name)
  }
  add(to.address)
  const owner = ownerOf(cluster, to.address)
  const at = serviceAt(cluster, to.address, to.port, protocol)
  const service = at?.service ?? (owner.kind === 'service' ? owner.service : undefined)
  for (const address of service ? behind(cluster, service) : []) {
    addresses.add(address)
    add(address)
  }
  const published = at
    ? undefined
    : hostPortAt(cluster, to.address, to.port, protocol, source.kind === 'node' ? source.node : undefined)
  if (published) pods.add(published.pod)
  for (const name of service ? waysIn(cluster, service, source, to.address) : []) nodes.add(name)
  for (const { spec } of pods) if (spec.nodeName !== undefined) nodes.add(spec.nodeName)
  return { pods: [...pods], nodes: [...nodes], addresses: [...addresses].slice(0, mostAddresses) }
}

/** Nodes that the router may bring a service's outer address to: what the sender's own node does not translate goes there, too. */
function waysIn(cluster: Cluster, service: Service, source: Origin, to: Address): string[] {
  // That is up to whoever made it lead here.
  if (service.spec.externalIPs?.includes(to)) return cluster.nodes.map(({ metadata }) => metadata.name)
  const serving = nodesThatServe(cluster, service)
  if (source.kind === 'outside') return serviceAddresses(service).includes(to) ? serving : []
  // src/routes takes the first.
  return balancedAddresses(service).includes(to) ? serving.slice(0, 1) : []
}

/** Every endpoint, ready or not: where none is ready, those serve that are about to end (KEP-1669). */
function behind(cluster: Cluster, service: Service): Address[] {
  return slicesOf(cluster, service).flatMap(({ endpoints }) =>
    endpoints.flatMap(({ addresses }) => addresses.slice(0, 1).flatMap((text) => parseAddress(text) ?? [])),
  )
}
