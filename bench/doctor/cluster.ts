// A cluster of 50 nodes whose services each have five pods, as an API server holds it, and what the nodes' kernels say of them.
import { type EndpointSlice, serviceNameLabel } from '../../src/api/objects/endpointslice.ts'
import type { Node } from '../../src/api/objects/node.ts'
import type { Pod } from '../../src/api/objects/pod.ts'
import type { Service } from '../../src/api/objects/service.ts'
import type { Deployment, ReplicaSet } from '../../src/api/objects/workload.ts'
import { type Address, address, cidr, nth } from '../../src/base/address.ts'
import type { MachineFacts, PodFacts } from '../../src/doctor/facts.ts'
import type { Ranges } from '../../src/trace/predict/ranges.ts'

export interface Objects {
  readonly services: Service[]
  readonly slices: EndpointSlice[]
  readonly pods: Pod[]
  readonly nodes: Node[]
  readonly deployments: Deployment[]
  readonly replicaSets: ReplicaSet[]
}

export const ranges: Ranges = {
  pods: cidr('100.96.0.0/11'),
  services: cidr('100.64.0.0/13'),
  nodes: cidr('192.168.0.0/16'),
}
const perService = 5
const nodeCount = 50
const spaces = 20
const creationTimestamp = '2026-01-01T00:00:00Z'

/** `broken`: every selector and every pod's readiness is wrong, so that every check of objects has much to say. */
export function makeObjects(serviceCount: number, broken = false): Objects {
  const objects: Objects = { services: [], slices: [], pods: [], nodes: [], deployments: [], replicaSets: [] }
  for (let at = 0; at < nodeCount; at++) objects.nodes.push(nodeAt(at))
  for (let at = 0; at < serviceCount; at++) {
    const pods = Array.from({ length: perService }, (_, of) => podOf(at, of, broken && at % 2 === 0))
    objects.pods.push(...pods)
    objects.services.push(serviceOf(at, broken && at % 2 === 1))
    objects.slices.push(sliceOf(at, broken ? [] : pods))
    objects.deployments.push(deploymentOf(at))
    objects.replicaSets.push(replicaSetOf(at))
  }
  return objects
}

export function machinesOf({ pods, nodes }: Objects): MachineFacts[] {
  const byNode = Map.groupBy(pods, ({ spec }) => spec.nodeName)
  return nodes.map(({ metadata: { name } }, at) => ({
    node: name,
    kind: 'node',
    at: Date.now(),
    sysctls: { 'net.ipv4.ip_forward': '1' },
    links: [link('eth0', [`192.168.1.${at + 1}/16`]), link('cbr0', [`100.96.${at + 1}.1/24`], 'bridge')],
    routes: [{ to: 'default', kind: 'unicast', via: address('192.168.0.1'), device: 'eth0' }],
    neighbours: [],
    sockets: [],
    forwarding: [],
    connections: { count: 0, groups: [], truncated: false },
    drops: [],
    unread: [],
    pods: (byNode.get(name) ?? []).map(factsOf),
  }))
}

function factsOf({ metadata, status }: Pod): PodFacts {
  return {
    pod: `${metadata.namespace}/${metadata.name}`,
    uid: metadata.uid ?? '',
    links: [link('eth0', [`${status?.podIP}/24`])],
    routes: [{ to: 'default', kind: 'unicast', device: 'eth0' }],
    neighbours: [],
    sockets: [{ protocol: 'tcp', address: '0.0.0.0' as Address, port: 8080, process: 'web', container: 'web' }],
    containers: [{ name: 'web', pid: 1 }],
  }
}

function link(name: string, addresses: string[], kind = 'veth'): MachineFacts['links'][number] {
  return { name, kind, mtu: 1500, up: true, carrier: true, addresses }
}

const space = (at: number): string => `space-${at % spaces}`
const meta = (name: string, at: number, more: object = {}): Pod['metadata'] => ({
  name,
  namespace: space(at),
  uid: `${name}-${at}`,
  resourceVersion: '1',
  creationTimestamp,
  ...more,
})
const labels = (at: number): Record<string, string> => ({ app: `web-${at}`, tier: 'front' })
const template = (at: number): Deployment['spec']['template'] => ({
  metadata: { labels: labels(at) },
  spec: { containers: [{ name: 'web', image: 'web:1', ports: [{ containerPort: 8080 }] }] },
})

function serviceOf(at: number, broken: boolean): Service {
  const clusterIP = nth(ranges.services, 256 + at)
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(`web-${at}`, at),
    spec: {
      type: 'ClusterIP',
      selector: broken ? { app: `wbe-${at}`, tier: 'front' } : labels(at),
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }],
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
    },
    status: { loadBalancer: {} },
  }
}

function podOf(at: number, of: number, broken: boolean): Pod {
  const number = at * perService + of
  const podIP = `100.96.${(number % nodeCount) + 1}.${Math.floor(number / nodeCount) + 2}`
  const ready = broken ? 'False' : 'True'
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `web-${at}-1`, uid: `rs-${at}`, controller: true }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta(`web-${at}-1-${of}`, at, { labels: labels(at), ownerReferences: [owner] }),
    spec: { nodeName: `node${(number % nodeCount) + 1}`, ...template(at).spec },
    status: {
      phase: 'Running',
      podIP,
      podIPs: [{ ip: podIP }],
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: type.includes('Ready') ? ready : 'True',
        lastTransitionTime: creationTimestamp,
      })),
      containerStatuses: [
        {
          name: 'web',
          ready: !broken,
          started: true,
          restartCount: 0,
          image: 'web:1',
          imageID: '',
          state: { running: { startedAt: creationTimestamp } },
        },
      ],
    },
  }
}

function sliceOf(at: number, pods: readonly Pod[]): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta(`web-${at}-abcde`, at, { labels: { [serviceNameLabel]: `web-${at}` } }),
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: pods.map(({ metadata: { name, namespace = '' }, spec, status }) => ({
      addresses: [status?.podIP ?? ''],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: spec.nodeName ?? '',
      targetRef: { kind: 'Pod', namespace, name },
    })),
  }
}

function deploymentOf(at: number): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta(`web-${at}`, at),
    spec: { replicas: perService, selector: { matchLabels: labels(at) }, template: template(at) },
  }
}

function replicaSetOf(at: number): ReplicaSet {
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: `web-${at}`, uid: `d-${at}`, controller: true }
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: meta(`web-${at}-1`, at, { ownerReferences: [owner] }),
    spec: { replicas: perService, selector: { matchLabels: labels(at) }, template: template(at) },
  }
}

function nodeAt(at: number): Node {
  const range = `100.96.${at + 1}.0/24`
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `node${at + 1}`, uid: `node-${at}`, resourceVersion: '1', creationTimestamp },
    spec: { podCIDR: range, podCIDRs: [range] },
    status: {
      addresses: [{ type: 'InternalIP', address: `192.168.1.${at + 1}` }],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  }
}
