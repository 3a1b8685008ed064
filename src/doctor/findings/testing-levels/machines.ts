import type { Service } from '../../../api/objects/service.ts'
import { address } from '../../../base/address.ts'
import type { ConnectionGroup, MachineFacts, RouteEntry } from '../../facts.ts'
import type { View } from '../../types.ts'
import { group, link, machine, pod, podFacts, running, service, slice, socket, view } from '../testing.ts'
import type { Row } from './row.ts'

const on1 = (change: Partial<MachineFacts>): View => view({ machines: [machine('node1', change)] })
const groups = (...all: ConnectionGroup[]): Partial<MachineFacts> => ({
  connections: { count: all.length, truncated: false, groups: all },
})
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
const inUse = (said: string): View =>
  view({
    cluster: { pods: [taken] },
    machines: [
      machine('node1', {
        pods: [
          podFacts('web', {
            containers: [
              { name: 'main', pid: 4711 },
              { name: 'second', lastWords: said },
            ],
          }),
        ],
      }),
    ],
  })
const udp: Partial<Service['spec']> = { ports: [{ port: 53, targetPort: 5353, protocol: 'UDP' }] }
const [sample] = group('100.96.2.77').samples
const toNobody = group('100.96.2.77', {
  protocol: 'udp',
  port: 53,
  endpointPort: 5353,
  samples: sample ? [{ ...sample, answered: false, timeoutSeconds: 30 }] : [],
})
const sysctls = { 'net.ipv4.ip_forward': '1', 'net.bridge.bridge-nf-call-iptables': '1' }
const way: RouteEntry = { to: 'default', kind: 'unicast', via: address('192.168.50.1'), device: 'eth0' }
const cards = (out: number, cable: number, tunnel?: number): View =>
  on1({
    links: [
      link('eth0', { mtu: out, addresses: ['192.168.50.11/24'] }),
      link('veth1', { mtu: cable, bridge: 'cbr0', hairpin: true, pod: 'shop/web' }),
      ...(tunnel === undefined ? [] : [link('vxlan0', { kind: 'vxlan', mtu: tunnel })]),
    ],
    routes: [way],
    pods: [podFacts('web', { links: [link('eth0', { mtu: 1400, addresses: ['100.96.1.2/24'] })] })],
  })

export const rows: readonly Row[] = [
  ['NobodyListens', 'error', 'certain', on1({ pods: [podFacts('web', { sockets: [socket(9090)] })] })],
  [
    'LoopbackOnly',
    'error',
    'certain',
    on1({ pods: [podFacts('web', { sockets: [socket(8080, { address: address('127.0.0.1') })] })] }),
  ],
  ['PortTaken', 'error', 'certain', inUse('listen EADDRINUSE: address already in use 0.0.0.0:8080')],
  ['PortTaken', 'error', 'likely', inUse('address already in use')],
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
  [
    'NoSuchPod',
    'error',
    'certain',
    on1({
      pods: [podFacts('web', { dialling: [{ from: address('100.96.1.2'), to: address('100.96.2.77'), port: 8080 }] })],
    }),
  ],
  [
    'HotPod',
    'warning',
    'likely',
    view({
      cluster: {
        pods: [pod('web'), pod('web-2', { ip: '100.96.1.3' })],
        slices: [slice('web', ['100.96.1.2', '100.96.1.3'])],
      },
      machines: [machine('node1', groups(group('100.96.1.2', { packets: 5000, oldestSeconds: 120 })))],
    }),
  ],
  [
    'UdpBlackHole',
    'error',
    'certain',
    view({ cluster: { services: [service('web', udp)], slices: [] }, machines: [machine('node1', groups(toNobody))] }),
  ],
  ['MtuDiffers', 'error', 'certain', cards(1500, 1300)],
  ['MtuTooBig', 'warning', 'likely', cards(1300, 1500)],
  ['MtuTooBig', 'error', 'certain', cards(1500, 1500, 1500)],
  ['ForwardingOff', 'error', 'certain', on1({ sysctls: { ...sysctls, 'net.ipv4.ip_forward': '0' } })],
  ['BridgeSkipsRules', 'error', 'certain', on1({ sysctls: { ...sysctls, 'net.bridge.bridge-nf-call-iptables': '0' } })],
  ['ConnectionTableFull', 'error', 'certain', on1({ connections: { count: 9, max: 9, groups: [], truncated: false } })],
  ['RouteInRange', 'error', 'certain', on1({ routes: [{ to: '100.64.8.0/24', kind: 'unicast', device: 'eth1' }] })],
  [
    'QueueFull',
    'error',
    'likely',
    on1({ pods: [podFacts('web', { sockets: [socket(8080, { waiting: 3, backlog: 2 })] })] }),
  ],
]
