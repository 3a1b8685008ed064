import { balancedAddresses } from '../../api/objects/service.ts'
import { type Address, family, hostPort, parseAddress } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import {
  type Cluster,
  gatewayOf,
  nodeAddresses,
  ownerOf,
  podKey,
  readyEndpoints,
  serviceAt,
} from '../cluster/cluster.ts'
import { concerned } from '../send/concerned.ts'
import { hostPortAt } from '../cluster/host-port.ts'
import type { Origin } from '../origin.ts'
import { type Destination, serviceNamed } from '../ask/resolve.ts'
import { type Target, transportOf } from '../ask/target.ts'
import type { Transport } from '../types.ts'
import { type LiveEnd, mostEnds, type LiveSpec } from './spec.ts'

/** Whose traffic is watched, where, and as what it may show up. */
export interface Scope {
  readonly ends: Pick<LiveSpec, 'protocol' | 'from' | 'asked' | 'behind' | 'wide'>
  /** Names of nodes, and the pods on each as `namespace/name`. */
  readonly nodes: ReadonlyMap<string, readonly string[]>
  /** `connections from shop/client (100.96.1.2) to 100.64.12.7:80` */
  readonly say: string
}

const mostMasks = 15
const mostNodes = 32
const mostPods = 64

/** Pure. @throws KubehopError `NeedsAddress` for a name that only a question could resolve: nothing is sent here. */
export function scopeOf(
  cluster: Cluster,
  source: Origin,
  target: Target,
  destination: Destination,
  namespace: string,
): Scope {
  const protocol = transportOf(target.protocol)
  if (source.kind === 'node') throw onlyPods(source)
  const found = askedFor(cluster, target, destination, namespace)
  const asked = found.slice(0, mostEnds)
  const first = asked[0]
  if (!first || family(first.address) !== 4) throw noAddress(target, 'it has no IPv4 address now')
  const all = asked.map((to) => concerned(cluster, source, to, protocol))
  const behind = asked.flatMap((to) => behindOf(cluster, to, protocol))
  const nodes = new Map<string, string[]>()
  for (const { nodes: names, pods } of all) {
    for (const name of names) if (nodes.size < mostNodes && !nodes.has(name)) nodes.set(name, [])
    for (const pod of pods) {
      const here = nodes.get(pod.spec.nodeName ?? '')
      if (here && here.length < mostPods && !here.includes(podKey(pod))) here.push(podKey(pod))
    }
  }
  const named = behind.length <= mostEnds
  return {
    ends: {
      protocol,
      from: [source.address, ...masks(cluster, source, asked, behind, [...nodes.keys()])],
      asked,
      behind: named ? behind : [],
      wide: named ? [] : [...new Set([...asked, ...behind].map(({ port }) => port))].slice(0, mostEnds),
    },
    nodes,
    say: `${things[protocol]} from ${source.key} (${source.address}) to ${asked
      .slice(0, 3)
      .map((to) => endText(to, protocol))
      .join(
        ', ',
      )}${asked.length > 3 ? `, and ${asked.length - 3} more` : ''}${found.length > asked.length ? ` (of ${found.length}: a watch takes no more)` : ''}`,
  }
}

const things: Record<Transport, string> = {
  tcp: 'connections',
  udp: 'datagrams',
  sctp: 'associations',
  icmp: 'pings',
}

/** What a program would be told by the cluster's DNS, read from the objects. */
function askedFor(cluster: Cluster, target: Target, destination: Destination, namespace: string): LiveEnd[] {
  if (target.protocol === 'dns') return nameServers(cluster)
  if (destination.kind === 'address') return [{ address: destination.address, port: destination.port }]
  const service = serviceNamed(cluster, destination.name, namespace)
  if (!service || service.spec.type === 'ExternalName')
    throw noAddress(target, 'its address is known to a name server only, and nothing is sent while traffic is watched')
  const own = service.spec.clusterIP === undefined ? undefined : parseAddress(service.spec.clusterIP)
  if (own !== undefined) return [{ address: own, port: destination.port }]
  const names = service.spec.ports?.length ? service.spec.ports.map(({ name }) => name) : [undefined]
  const pods = names.flatMap((name) => readyEndpoints(cluster, service, name))
  return [...new Set(pods.map(({ address }) => address))].map((address) => ({ address, port: destination.port }))
}

/** A pod may ask its node's own server, and the service when that one is away. */
function nameServers(cluster: Cluster): LiveEnd[] {
  const service = cluster.services.find(
    ({ metadata }) => metadata.namespace === 'kube-system' && metadata.name === 'kube-dns',
  )
  const of = service?.spec.clusterIP === undefined ? undefined : parseAddress(service.spec.clusterIP)
  const all = [...(cluster.nodeDns ? [cluster.nodeDns.address] : []), ...(of === undefined ? [] : [of])]
  return all.map((address) => ({ address, port: 53 }))
}

function behindOf(cluster: Cluster, { address, port }: LiveEnd, protocol: Transport): LiveEnd[] {
  if (protocol === 'icmp') return []
  const at = serviceAt(cluster, address, port, protocol)
  if (at) return readyEndpoints(cluster, at.service, at.port.name).filter((one) => family(one.address) === 4)
  const published = hostPortAt(cluster, address, port, protocol)
  const of = published?.pod.status?.podIP === undefined ? undefined : parseAddress(published.pod.status.podIP)
  return published && of !== undefined ? [{ address: of, port: published.containerPort }] : []
}

/** Who the client may look like behind a node that speaks for it: only where one does, so that nobody else's traffic is taken for this. */
function masks(
  cluster: Cluster,
  source: Origin,
  asked: readonly LiveEnd[],
  behind: readonly LiveEnd[],
  nodes: readonly string[],
): Address[] {
  const hairpin = behind.some(({ address }) => address === source.address)
  const external = asked.some(({ address }) => {
    const owner = ownerOf(cluster, address)
    return owner.kind === 'node' || (owner.kind === 'service' && balancedAddresses(owner.service).includes(address))
  })
  if (!hairpin && !external && source.kind === 'pod') return []
  const all = cluster.nodes
    .filter(({ metadata }) => nodes.includes(metadata.name))
    .flatMap((node) => {
      const gateway = gatewayOf(node)
      return [...(gateway === undefined ? [] : [gateway]), ...nodeAddresses(node)]
    })
  return [...new Set(all)].filter((address) => family(address) === 4 && address !== source.address).slice(0, mostMasks)
}

export function endText({ address, port }: LiveEnd, protocol: Transport): string {
  return protocol === 'icmp' ? address : hostPort(address, port)
}

function onlyPods({ key }: Origin): KubehopError {
  const say = `what ${key} sends by its own sockets cannot be watched: its kernel translates it before any device sees it; watch from a pod, or from outside`
  return new KubehopError('trace', 'watch', 'OnlyPods', say)
}

function noAddress({ text }: Target, why: string): KubehopError {
  return new KubehopError('trace', 'watch', 'NeedsAddress', `"${text}": ${why}; write the address`)
}
