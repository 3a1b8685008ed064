import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Node } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import { address, cidr } from '../../base/address.ts'
import type { Cluster } from '../../trace/cluster/cluster.ts'
import type { ConnectionGroup, LinkFact, MachineFacts, PodFacts, SocketFact } from '../facts.ts'
import type { View } from '../types.ts'

// A small cluster in good health, for tests to break: two nodes, service shop/web on 100.64.0.5:80, its pod web on node1 (100.96.1.2:8080).

export const now: number = Date.parse('2026-01-01T12:00:00Z')
export const ranges: NonNullable<View['ranges']> = {
  pods: cidr('100.96.0.0/11'),
  services: cidr('100.64.0.0/13'),
  nodes: cidr('192.168.50.0/24'),
}

export function pod(
  name: string,
  change: {
    spec?: Partial<Pod['spec']>
    status?: Partial<Pod['status']>
    ip?: string
    metadata?: Partial<Pod['metadata']>
  } = {},
): Pod {
  const { ip = '100.96.1.2' } = change
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels: { app: name }, ...change.metadata },
    spec: { nodeName: 'node1', containers: [{ name: 'main', ports: [{ containerPort: 8080 }] }], ...change.spec },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [running('main')],
      ...change.status,
    },
  }
}

/** Since `seconds`, which is long enough for a program to listen. */
export function running(
  name: string,
  seconds = 60,
): NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number] {
  const startedAt = new Date(now - seconds * 1000).toISOString()
  return { name, ready: true, restartCount: 0, image: 'host', imageID: '', state: { running: { startedAt } } }
}

export function service(name: string, spec: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: {
      clusterIP: '100.64.0.5',
      clusterIPs: ['100.64.0.5'],
      selector: { app: name },
      ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }],
      ...spec,
    },
  }
}

export function slice(of: string, addresses: readonly string[], change: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${of}-1`, namespace: 'shop', labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: addresses.map((one) => ({ addresses: [one], conditions: { ready: true } })),
    ...change,
  }
}

export function socket(port: number, change: Partial<SocketFact> = {}): SocketFact {
  return {
    protocol: 'tcp',
    address: address('0.0.0.0'),
    port,
    pid: 4711,
    process: 'node',
    container: 'main',
    ...change,
  }
}

export function podFacts(name: string, change: Partial<PodFacts> = {}): PodFacts {
  return {
    pod: `shop/${name}`,
    uid: name,
    hostDevice: 'veth1',
    links: [link('eth0', { addresses: ['100.96.1.2/24'] })],
    routes: [],
    neighbours: [],
    sockets: [socket(8080)],
    containers: [{ name: 'main', pid: 4711 }],
    ...change,
  }
}

export function link(name: string, change: Partial<LinkFact> = {}): LinkFact {
  return { name, kind: 'veth', mtu: 1500, up: true, carrier: true, addresses: [], ...change }
}

export function machine(node: string, change: Partial<MachineFacts> = {}): MachineFacts {
  return {
    node,
    kind: node === 'router' ? 'router' : 'node',
    at: now,
    sysctls: { 'net.ipv4.ip_forward': '1', 'net.bridge.bridge-nf-call-iptables': '1' },
    links: [
      link('eth0', { addresses: [`192.168.50.${node === 'router' ? '1' : `1${node.slice(-1)}`}/24`] }),
      ...(node === 'router'
        ? []
        : [
            link('cbr0', { kind: 'bridge', addresses: [`100.96.${node.slice(-1)}.1/24`] }),
            link('veth1', { bridge: 'cbr0', hairpin: true, forwarding: true, pod: 'shop/web' }),
          ]),
    ],
    routes: [],
    neighbours: [],
    sockets: [],
    forwarding: [],
    connections: { count: 0, groups: [], truncated: false },
    drops: [],
    pods: node === 'node1' ? [podFacts('web')] : [],
    unread: [],
    ...change,
  }
}

export function group(endpoint: string, change: Partial<ConnectionGroup> = {}): ConnectionGroup {
  return {
    protocol: 'tcp',
    address: address('100.64.0.5'),
    port: 80,
    endpoint: address(endpoint),
    endpointPort: 8080,
    count: 1,
    established: 1,
    unanswered: 0,
    clients: 1,
    samples: [
      {
        original: '100.96.1.9:41000 > 100.64.0.5:80',
        reply: `${endpoint}:8080 > 100.96.1.9:41000`,
        answered: true,
        state: 'ESTABLISHED',
      },
    ],
    ...change,
  }
}

export function node(name: string): Node {
  const number = name.slice(-1)
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: { podCIDR: `100.96.${number}.0/24`, podCIDRs: [`100.96.${number}.0/24`] },
    status: { addresses: [{ type: 'InternalIP', address: `192.168.50.1${number}` }] },
  }
}

export function view(change: Partial<Omit<View, 'cluster'>> & { cluster?: Partial<Cluster> } = {}): View {
  return {
    ranges,
    machines: [machine('node1'), machine('node2'), machine('router')],
    now,
    ...change,
    cluster: {
      pods: [pod('web')],
      services: [service('web')],
      slices: [slice('web', ['100.96.1.2'])],
      nodes: [node('node1'), node('node2')],
      deployments: [],
      replicaSets: [],
      zone: 'cluster.local',
      ...change.cluster,
    },
  }
}
