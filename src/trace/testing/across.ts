import { readFileSync } from 'node:fs'
import { address, cidr } from '../../base/address.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Observation, PacketSeen } from '../observation.ts'
import { parseTarget } from '../ask/target.ts'
import type { Told } from '../tell/tell.ts'

// One request that was really sent, from a pod on node1 to http://100.64.0.20/ and a pod on node2: the first packets, the rules that they
// met, and what the kernels knew. Recorded by the watchers in this folder's neighbours.

export const observations: Observation[] = JSON.parse(
  readFileSync(new URL('across.json', import.meta.url), 'utf8'),
) as Observation[]

export const packets: PacketSeen[] = observations.filter((one) => one.kind === 'packet')

/** The source port of the recorded request. */
export const port = 51087

export const cluster: Cluster = {
  zone: 'cluster.local',
  router: { name: 'router', address: address('192.168.50.1') },
  deployments: [],
  replicaSets: [],
  nodes: ['1', '2'].map((n) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `node${n}` },
    spec: { podCIDR: `100.96.${n}.0/24` },
    status: { addresses: [{ type: 'InternalIP', address: `192.168.50.1${n}` }] },
  })),
  pods: [
    ['client', 'node1', '100.96.1.2'],
    ['far', 'node2', '100.96.2.2'],
  ].map(([name = '', nodeName = '', podIP = '']) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels: { app: name } },
    spec: { nodeName, containers: [] },
    status: { phase: 'Running', podIP, conditions: [{ type: 'Ready', status: 'True' }] },
  })),
  services: [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { clusterIP: '100.64.0.20', selector: { app: 'far' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ],
  slices: [
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: ['100.96.2.2'], conditions: { ready: true } }],
    },
  ],
}

const [client] = cluster.pods
if (!client) throw new Error('the fixture has no client')

/** Everything that `tell` needs. */
export const told: Told = {
  cluster,
  ranges: { pods: cidr('100.96.0.0/11'), services: cidr('100.64.0.0/13'), nodes: cidr('192.168.50.0/24') },
  target: parseTarget('http://web/'),
  source: { kind: 'pod', key: 'shop/client', node: 'node1', address: address('100.96.1.2'), pod: client },
  dns: [
    {
      question: 'web.shop.svc.cluster.local',
      type: 'A',
      server: '100.64.0.10',
      rcode: 'NOERROR',
      answers: ['100.64.0.20'],
      by: 'kube-system/dns-1, node2',
      ms: 0.31,
    },
  ],
  to: { address: address('100.64.0.20'), port: 80 },
  port,
  observations,
  result: { kind: 'sent', outcome: 'answered', status: '200 OK', ms: 0.94 },
}
