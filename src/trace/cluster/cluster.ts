import { type Address, contains, parseAddress, parseCidr } from '../../base/address.ts'
import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import { type Node, takesOutsideTraffic } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'
import { balancedAddresses, type Service, type ServicePort } from '../../api/objects/service.ts'
import { grouped, slicesByService } from './address-book.ts'
import type { Deployment, ReplicaSet } from '../../api/objects/workload.ts'

/** The objects that a trace reads: one look at the cluster, from which addresses get their names. */
export interface Cluster {
  readonly pods: readonly Pod[]
  readonly services: readonly Service[]
  readonly slices: readonly EndpointSlice[]
  readonly nodes: readonly Node[]
  readonly deployments: readonly Deployment[]
  readonly replicaSets: readonly ReplicaSet[]
  /** `cluster.local` */
  readonly zone: string
  /** The lab that it is, where it is one: its nodes can be entered from the machine that they are on. */
  readonly lab?: LabPlace
  /** The machine between the nodes, where there is one that can be watched. */
  readonly router?: { readonly name: string; readonly address: Address }
  /** The machine beyond the router, where it takes part. */
  readonly outside?: { readonly address: Address }
  /** Where each node's own name server is asked. Every node has the address for itself: here it means the node of the pod that asks. */
  readonly nodeDns?: { readonly address: Address; readonly node: string }
}

/** How processes of a lab are found and entered from outside it. */
export interface LabPlace {
  /** Absolute; among the arguments of each of its processes. */
  readonly folder: string
  /** Whether it is in a user namespace of its own, as those of ordinary users are. */
  readonly userNamespace: boolean
}

/** Whose an address is. */
export type Owner =
  | { readonly kind: 'pod'; readonly pod: Pod }
  | { readonly kind: 'service'; readonly service: Service }
  | { readonly kind: 'node'; readonly node: Node }
  | { readonly kind: 'router'; readonly name: string }
  | { readonly kind: 'outside' }
  | { readonly kind: 'unknown' }

export function ownerOf(cluster: Cluster, address: Address): Owner {
  const [service] = servicesWith(cluster, address)
  if (service) return { kind: 'service', service }
  // A pod that has ended keeps its address in its status, and another may have it by now.
  const [pod] = podsByAddress(cluster.pods).get(address) ?? []
  if (pod) return { kind: 'pod', pod }
  const { nodeDns } = cluster
  const node = cluster.nodes.find((one) =>
    address === nodeDns?.address
      ? one.metadata.name === nodeDns.node
      : nodeAddresses(one).includes(address) || gatewayOf(one) === address,
  )
  if (node) return { kind: 'node', node }
  if (cluster.outside?.address === address) return { kind: 'outside' }
  return cluster.router?.address === address ? { kind: 'router', name: cluster.router.name } : { kind: 'unknown' }
}

/** The services of which this is an address, whatever the port. */
export function servicesWith(cluster: Cluster, address: Address): readonly Service[] {
  return servicesByAddress(cluster.services).get(address) ?? []
}

const servicesByAddress = grouped(serviceAddresses)
const podsByAddress = grouped((pod: Pod) => {
  const address = isAlive(pod) && !pod.spec.hostNetwork ? podAddress(pod) : undefined
  return address === undefined ? [] : [address]
})

/** The service that is reached at an address and port, and the port of it: its own addresses, or a node port on any node. */
export function serviceAt(
  cluster: Cluster,
  address: Address,
  number: number,
  protocol: string,
): { service: Service; port: ServicePort } | undefined {
  const reached = (among: readonly Service[], numberOf: (port: ServicePort) => number | undefined) => {
    for (const service of among) {
      const port = service.spec.ports?.find(
        (one) => numberOf(one) === number && (one.protocol ?? 'TCP').toLowerCase() === protocol,
      )
      if (port) return { service, port }
    }
    return undefined
  }
  // Several services can share an external IP, each with ports of its own; and it can be a node's address, which keeps its node ports.
  const named = servicesWith(cluster, address)
  const own = reached(named, ({ port }) => port)
  if (own) return own
  const isNodes = named.length > 0 ? nodeAt(cluster, address) !== undefined : ownerOf(cluster, address).kind === 'node'
  return isNodes ? reached(cluster.services, ({ nodePort }) => nodePort) : undefined
}

/** The node that has the address for itself, whatever services have it as an external IP. */
export function nodeAt(cluster: Cluster, address: Address): Node | undefined {
  return cluster.nodes.find((one) => nodeAddresses(one).includes(address))
}

/** The node whose range of pod addresses holds this address. */
export function nodeOfRange(cluster: Cluster, address: Address): { node: Node; range: string } | undefined {
  for (const node of cluster.nodes) {
    for (const text of node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR])) {
      const range = parseCidr(text)
      if (range && contains(range, address)) return { node, range: text }
    }
  }
  return undefined
}

export function isAlive(pod: Pod): boolean {
  return pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
}

export function isReady(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True')
}

export function podAddress(pod: Pod): Address | undefined {
  return pod.status?.podIP === undefined ? undefined : parseAddress(pod.status.podIP)
}

export function podKey(pod: Pod): string {
  return `${pod.metadata.namespace ?? 'default'}/${pod.metadata.name}`
}

export function nodeAddresses(node: Node): Address[] {
  return (node.status?.addresses ?? []).flatMap(({ address }) => parseAddress(address) ?? [])
}

export function serviceAddresses(service: Service): Address[] {
  const { clusterIP, clusterIPs, externalIPs } = service.spec
  const own = [...(clusterIPs ?? []), ...(clusterIP === undefined ? [] : [clusterIP])]
  const all = [...own, ...(externalIPs ?? [])].flatMap((text) => parseAddress(text) ?? [])
  return [...new Set([...all, ...balancedAddresses(service)])]
}

/** The nodes, by name, that answer for a service to who is not in the cluster: all, or, with externalTrafficPolicy Local, those with a pod of it. */
export function nodesThatServe(cluster: Cluster, service: Service): string[] {
  const names = cluster.nodes
    .filter(takesOutsideTraffic)
    .map(({ metadata }) => metadata.name)
    .sort()
  if (service.spec.externalTrafficPolicy !== 'Local') return names
  const serving = new Set(
    slicesOf(cluster, service).flatMap(({ endpoints }) =>
      endpoints.filter(({ conditions }) => conditions?.ready !== false).map(({ nodeName }) => nodeName),
    ),
  )
  return names.filter((name) => serving.has(name))
}

/** Addresses and ports behind one port of a service, ready ones only. */
export function readyEndpoints(
  cluster: Cluster,
  service: Service,
  portName: string | undefined,
): { address: Address; port: number }[] {
  return slicesOf(cluster, service).flatMap((slice) => {
    const port = (slice.ports ?? []).find(({ name }) => (name ?? '') === (portName ?? ''))?.port
    if (port === undefined) return []
    return slice.endpoints
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ addresses }) => addresses.slice(0, 1).flatMap((text) => parseAddress(text) ?? []))
      .map((address) => ({ address, port }))
  })
}

export function slicesOf({ slices }: Pick<Cluster, 'slices'>, { metadata }: Service): readonly EndpointSlice[] {
  return slicesByService(slices).get(`${metadata.namespace}/${metadata.name}`) ?? []
}

/** cbr0's address: the first of the node's range. */
export function gatewayOf(node: Node): Address | undefined {
  const range = node.spec?.podCIDR === undefined ? undefined : parseCidr(node.spec.podCIDR)
  if (range?.family !== 4) return undefined
  return parseAddress(range.address.replace(/\d+$/, (last) => String(Number(last) + 1)))
}
