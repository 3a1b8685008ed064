import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import type { Deployment } from '../../api/objects/workload.ts'
import { address, cidr } from '../../base/address.ts'
import type { Finding, View } from '../types.ts'
import { checks } from './index.ts'
import {
  group,
  link,
  machine,
  node,
  now,
  pod,
  podFacts,
  ranges,
  running,
  service,
  slice,
  socket,
  view,
} from './testing.ts'

const all = (of: View): Finding[] => checks.flatMap((check) => check.find(of))
const served = (spec: Partial<Service['spec']>, endpoints: string[] = ['100.96.1.2']): View =>
  view({ cluster: { services: [service('web', spec)], slices: [slice('web', endpoints)] } })
const pods = (one: Pod, endpoints: string[] = []): View =>
  view({ cluster: { pods: [one], slices: [slice('web', endpoints)] } })
const unready = pod('web', {
  status: {
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: new Date(now - 600_000).toISOString() }],
  },
})
const on1 = (change: Parameters<typeof machine>[1]): View => view({ machines: [machine('node1', change)] })
const external = (externalName: string): View =>
  view({ cluster: { services: [service('web', { type: 'ExternalName', externalName })] } })
const deployment = (spec: Partial<Deployment['spec']>, seconds?: number): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [{ name: 'main', ports: [{ containerPort: 8080 }] }],
        ...(seconds !== undefined && { terminationGracePeriodSeconds: seconds }),
      },
    },
    ...spec,
  },
})
const ended = pod('web', { status: { phase: 'Succeeded', conditions: [] } })
const failed = pod('web', { status: { phase: 'Failed', conditions: [] } })
const taken = pod('web', {
  spec: { containers: [{ name: 'main' }, { name: 'second' }] },
  status: {
    containerStatuses: [
      running('main'),
      {
        ...running('second'),
        ready: false,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 1 } },
      },
    ],
  },
})
const inUse = 'listen EADDRINUSE: address already in use 0.0.0.0:8080'
const udp: Partial<Service['spec']> = { ports: [{ port: 53, targetPort: 5353, protocol: 'UDP' }] }
const [sample] = group('100.96.2.77').samples
const toNobody = group('100.96.2.77', {
  protocol: 'udp',
  port: 53,
  endpointPort: 5353,
  samples: sample ? [{ ...sample, answered: false, timeoutSeconds: 30 }] : [],
})

// A level says how much it hurts, the other word how sure it is: who reads only one of them must not be misled.
const rows: readonly [code: string, level: string, sure: string, of: View][] = [
  ['SelectorMatchesNothing', 'error', 'certain', served({ selector: { app: 'wbe' } }, [])],
  [
    'ScaledToZero',
    'info',
    'certain',
    view({ cluster: { pods: [], slices: [slice('web', [])], deployments: [deployment({ replicas: 0 })] } }),
  ],
  ['NoSelector', 'warning', 'likely', view({ cluster: { services: [service('web', { selector: {} })], slices: [] } })],
  ['NobodyListens', 'error', 'certain', on1({ pods: [podFacts('web', { sockets: [socket(9090)] })] })],
  [
    'LoopbackOnly',
    'error',
    'certain',
    on1({ pods: [podFacts('web', { sockets: [socket(8080, { address: address('127.0.0.1') })] })] }),
  ],
  ['NoReadyPod', 'error', 'certain', pods(unready)],
  ['PodsEnded', 'info', 'certain', pods(ended)],
  ['PodsEnded', 'warning', 'certain', pods(failed)],
  [
    'PortTaken',
    'error',
    'certain',
    view({
      cluster: { pods: [taken] },
      machines: [
        machine('node1', {
          pods: [
            podFacts('web', {
              containers: [
                { name: 'main', pid: 4711 },
                { name: 'second', lastWords: inUse },
              ],
            }),
          ],
        }),
      ],
    }),
  ],
  [
    'HairpinOff',
    'error',
    'certain',
    on1({
      links: [
        link('cbr0', { kind: 'bridge' }),
        link('veth1', { bridge: 'cbr0', hairpin: false, forwarding: true, pod: 'shop/web' }),
      ],
    }),
  ],
  ['ExternalNameIsAddress', 'error', 'certain', external('192.0.2.1')],
  ['ExternalNameNowhere', 'error', 'certain', external('nobody.shop.svc.cluster.local')],
  ['ExternalNameLoop', 'error', 'certain', external('web.shop.svc.cluster.local')],
  ['ExternalNameShort', 'error', 'certain', external('web')],
  ['HeadlessPortDiffers', 'info', 'possible', served({ clusterIP: 'None', clusterIPs: ['None'] })],
  [
    'NoSuchPod',
    'error',
    'certain',
    on1({
      pods: [podFacts('web', { dialling: [{ from: address('100.96.1.2'), to: address('100.96.2.77'), port: 8080 }] })],
    }),
  ],
  [
    'UdpBlackHole',
    'error',
    'certain',
    view({
      cluster: { services: [service('web', udp)], slices: [] },
      machines: [
        machine('node1', {
          connections: {
            count: 1,
            truncated: false,
            groups: [toNobody],
          },
        }),
      ],
    }),
  ],
  [
    'ForwardingOff',
    'error',
    'certain',
    on1({ sysctls: { 'net.ipv4.ip_forward': '0', 'net.bridge.bridge-nf-call-iptables': '1' } }),
  ],
  [
    'BridgeSkipsRules',
    'error',
    'certain',
    on1({ sysctls: { 'net.ipv4.ip_forward': '1', 'net.bridge.bridge-nf-call-iptables': '0' } }),
  ],
  ['ConnectionTableFull', 'error', 'certain', on1({ connections: { count: 9, max: 9, groups: [], truncated: false } })],
  ['RangesOverlap', 'error', 'certain', view({ ranges: { ...ranges, services: cidr('100.96.0.0/16') } })],
  [
    'NodeRangesOverlap',
    'error',
    'certain',
    view({ cluster: { nodes: [node('node1'), { ...node('node2'), spec: { podCIDR: '100.96.1.0/24' } }] } }),
  ],
  [
    'AddressInRange',
    'error',
    'certain',
    view({ cluster: { nodes: [{ ...node('node1'), spec: { podCIDR: '192.168.50.0/24' } }] } }),
  ],
  ['LoadBalancerPending', 'warning', 'likely', served({ type: 'LoadBalancer' })],
  ['LoadBalancerPending', 'warning', 'certain', { ...served({ type: 'LoadBalancer' }), balanced: false }],
  [
    'NoPodOnNode',
    'warning',
    'likely',
    view({
      cluster: {
        services: [service('web', { type: 'NodePort', externalTrafficPolicy: 'Local' })],
        slices: [slice('web', [], { endpoints: [{ addresses: ['100.96.1.2'], nodeName: 'node1' }] })],
      },
    }),
  ],
  [
    'RolloutCutsOff',
    'warning',
    'likely',
    view({ cluster: { deployments: [deployment({ strategy: { type: 'Recreate' } }, 0)] } }),
  ],
  [
    'QueueFull',
    'error',
    'likely',
    on1({ pods: [podFacts('web', { sockets: [socket(8080, { waiting: 3, backlog: 2 })] })] }),
  ],
]

for (const [code, level, sure, of] of rows)
  test(`${code}: ${level}, ${sure}`, () => {
    const found = all(of)
    const one = found.find((finding) => finding.code === code)
    assert.deepEqual([one?.level, one?.sure], [level, sure], JSON.stringify(found, null, 1))
    assert.ok((one?.evidence.length ?? 0) > 0)
  })
