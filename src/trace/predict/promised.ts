import { type Address, cidr, contains, nth, parseAddress, parseCidr, rangeAround } from '../../base/address.ts'
import type { Node } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'
import { balancedAddresses } from '../../api/objects/service.ts'
import {
  type Cluster,
  isAlive,
  nodeAddresses,
  nodeOfRange,
  nodesThatServe,
  podAddress,
  podKey,
} from '../cluster/cluster.ts'
import type { Machine, MachineRoute } from './machine.ts'
import type { Ranges } from './ranges.ts'

// Machines as the objects promise them: as this cluster's own parts build them when nothing is wrong (src/lab/wire.ts, src/cni, src/routes).

const everywhere = cidr('0.0.0.0/0')

/** cbr0 with its pods, and a card on the wire. */
export function promisedNode(
  cluster: Cluster,
  ranges: Ranges,
  node: Node,
  pods: readonly Pod[] = podsByNode(cluster).get(node.metadata.name) ?? [],
): Machine {
  const { name } = node.metadata
  const range = parseCidr(node.spec?.podCIDR ?? '')
  const gateway = range?.family === 4 ? nth(range, 1) : undefined
  const { nodeDns, router } = cluster
  const own = nodeAddresses(node)
  return {
    place: { kind: 'node', node: name, name },
    devices: [
      { name: 'lo', up: true },
      { name: 'eth0', up: true },
      { name: 'cbr0', up: true, isBridge: true },
      ...pods.map((pod) => ({
        name: 'veth',
        up: true,
        bridge: 'cbr0',
        hairpin: true,
        pod: podKey(pod),
      })),
    ],
    addresses: [
      ...own.map((address) => ({ address, device: 'eth0' })),
      ...(gateway === undefined ? [] : [{ address: gateway, device: 'cbr0' }]),
      ...(nodeDns === undefined ? [] : [{ address: nodeDns.address, device: 'lo' }]),
    ],
    routes: [
      ...(range
        ? [{ to: range, kind: 'unicast' as const, device: 'cbr0', ...(gateway !== undefined && { source: gateway }) }]
        : []),
      ...onWire(ranges, own[0]),
      ...(router ? [{ to: everywhere, kind: 'unicast' as const, via: router.address, device: 'eth0' }] : []),
    ],
    forwards: true,
    filtersBridged: true,
    serves: true,
    tables: [],
    known: 'objects',
  }
}

export function podsByNode({ pods }: Cluster): Map<string, Pod[]> {
  return Map.groupBy(pods.filter(hasNetwork), ({ spec }) => spec.nodeName ?? '')
}

export function promisedPod(cluster: Cluster, pod: Pod): Machine | undefined {
  const address = podAddress(pod)
  const name = pod.spec.nodeName
  if (address === undefined || name === undefined || !hasNetwork(pod)) return undefined
  const node = cluster.nodes.find(({ metadata }) => metadata.name === name)
  const range = parseCidr(node?.spec?.podCIDR ?? '')
  return {
    place: { kind: 'pod', node: name, name: podKey(pod) },
    devices: [
      { name: 'lo', up: true },
      { name: 'eth0', up: true },
    ],
    addresses: [{ address, device: 'eth0' }],
    routes:
      range?.family === 4
        ? [
            { to: range, kind: 'unicast', device: 'eth0', source: address },
            { to: everywhere, kind: 'unicast', via: nth(range, 1), device: 'eth0', source: address },
          ]
        : [],
    ...plain,
    declares: declaredPorts(pod),
  }
}

export function declaredPorts({ spec }: Pod): { protocol: string; port: number }[] {
  return [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ ports = [] }) =>
    ports.map(({ containerPort: port, protocol = 'TCP' }) => ({ protocol: protocol.toLowerCase(), port })),
  )
}

/** The router's table has each node's range of pods, and nothing else. */
export function promisedRouter(
  cluster: Cluster,
  ranges: Ranges,
  outside: readonly MachineRoute[],
): Machine | undefined {
  const { nodes, router } = cluster
  if (!router) return undefined
  return {
    ...plain,
    place: { kind: 'router', node: router.name, name: router.name },
    devices: [
      { name: 'lo', up: true },
      { name: 'eth0', up: true },
      ...outside.map(({ device = 'eth1' }) => ({ name: device, up: true })),
    ],
    addresses: [
      { address: router.address, device: 'eth0' },
      ...outside.flatMap(({ device = 'eth1', source }) => (source === undefined ? [] : [{ address: source, device }])),
    ],
    routes: [
      ...nodes.flatMap((node): MachineRoute[] => {
        const to = parseCidr(node.spec?.podCIDR ?? '')
        const [via] = nodeAddresses(node)
        return to && via !== undefined ? [{ to, kind: 'unicast', via, device: 'eth0' }] : []
      }),
      ...balanced(cluster),
      ...onWire(ranges, router.address),
      ...outside,
    ],
    forwards: true,
  }
}

/** A load balancer's address leads to a node that answers for the service, unless a node or its pods have it (src/routes). */
function balanced(cluster: Cluster): MachineRoute[] {
  const taken = new Set(cluster.nodes.flatMap(nodeAddresses))
  return cluster.services.flatMap((service) => {
    const node = cluster.nodes.find(({ metadata }) => metadata.name === nodesThatServe(cluster, service)[0])
    const [via] = node ? nodeAddresses(node) : []
    if (via === undefined) return []
    const free = balancedAddresses(service).filter((one) => !taken.has(one) && !nodeOfRange(cluster, one))
    return free.map(
      (one): MachineRoute => ({
        to: rangeAround(one, one.includes(':') ? 128 : 32),
        kind: 'unicast',
        via,
        device: 'eth0',
      }),
    )
  })
}

/** Somebody on the wire whose kernel is nobody's here to ask: the control plane. */
export function promisedOther({ router }: Cluster, ranges: Ranges, address: Address): Machine {
  return {
    ...plain,
    place: { kind: 'outside', node: address, name: address },
    devices: [{ name: 'eth0', up: true }],
    addresses: [{ address, device: 'eth0' }],
    routes: [
      ...onWire(ranges, address),
      ...(router ? [{ to: everywhere, kind: 'unicast' as const, via: router.address, device: 'eth0' }] : []),
    ],
  }
}

/** Addresses of the wire that endpoints have and no node: `default/kubernetes` leads there. */
export function othersOnWire({ slices, nodes, router }: Cluster, { nodes: wire }: Ranges): Address[] {
  if (!wire) return []
  const known = new Set([...nodes.flatMap(nodeAddresses), ...(router ? [router.address] : [])])
  const all = slices.flatMap(({ endpoints }) =>
    endpoints.flatMap(({ addresses }) => addresses.flatMap((text) => parseAddress(text) ?? [])),
  )
  return [...new Set(all)].filter((address) => contains(wire, address) && !known.has(address))
}

export function hasNetwork(pod: Pod): boolean {
  return isAlive(pod) && !pod.spec.hostNetwork
}

function onWire({ nodes }: Ranges, source: Address | undefined): MachineRoute[] {
  return nodes ? [{ to: nodes, kind: 'unicast', device: 'eth0', ...(source !== undefined && { source }) }] : []
}

const plain = { forwards: false, filtersBridged: false, serves: false, tables: [], known: 'objects' } as const
