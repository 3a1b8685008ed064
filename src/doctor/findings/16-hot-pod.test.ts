import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import type { ConnectionGroup, PodFacts } from '../facts.ts'
import type { View } from '../types.ts'
import { check as stale } from './15-stale-address.ts'
import { check as hot } from './16-hot-pod.ts'
import { check as udp } from './17-udp.ts'
import { group, machine, pod, podFacts, service, slice, view } from './testing.ts'

const [one, two, three] = ['100.96.1.2', '100.96.1.3', '100.96.2.4'] as const
const three3 = {
  pods: [pod('web'), pod('web-2', { ip: two }), pod('web-3', { ip: three, spec: { nodeName: 'node2' } })],
  slices: [slice('web', [one, two, three])],
}
const withGroups = (groups: ConnectionGroup[], more: Parameters<typeof view>[0] = {}): View => {
  const connections = { count: groups.length, groups, truncated: false }
  return view({
    cluster: { ...three3, ...more.cluster },
    machines: [machine('node1', { connections }), machine('node2')],
  })
}
const busy = group(one, { packets: 5000, oldestSeconds: 120 })
const codes = (of: View): string[] => hot.find(of).map(({ code }) => code)

test('one old connection that carries everything makes its pod the hot one', () => {
  const [found, ...others] = hot.find(withGroups([busy]))
  assert.deepEqual(others, [])
  assert.equal(found?.code, 'HotPod')
  assert.deepEqual(found.also, [{ kind: 'Pod', namespace: 'shop', name: 'web' }])
  assert.equal(
    found.say,
    'pod shop/web has 100 % of the work of service shop/web, port 80: 1 connection of 1 client is kept open, since 120 s, and 2 other endpoints of 3 have none',
  )
  assert.deepEqual(
    found.evidence.map(({ text }) => text),
    [
      'to 100.96.1.2:8080 (pod shop/web): 1 established of 1, 5000 packets, the oldest 120 s old',
      'to 100.96.1.3:8080 (pod shop/web-2): 0 established of 0',
      'to 100.96.2.4:8080 (pod shop/web-3): 0 established of 0',
    ],
  )
})

test('connections are counted over all nodes', () => {
  const connections = (
    groups: ConnectionGroup[],
  ): { count: number; groups: ConnectionGroup[]; truncated: boolean } => ({
    count: 1,
    groups,
    truncated: false,
  })
  const of = view({
    cluster: three3,
    machines: [
      machine('node1', { connections: connections([busy]) }),
      machine('node2', { connections: connections([group(two, { packets: 4000, oldestSeconds: 100 })]) }),
    ],
  })
  assert.deepEqual(codes(of), [])
})

test('many connections that nearly all lead to one pod need no counters', () => {
  const crowd = (established: number, endpoint: string): ConnectionGroup =>
    group(endpoint, { count: established, established })
  assert.deepEqual(codes(withGroups([crowd(20, one), crowd(1, two), crowd(0, three)])), ['HotPod'])
  assert.deepEqual(codes(withGroups([crowd(10, one), crowd(6, two), crowd(4, three)])), [])
  assert.deepEqual(codes(withGroups([crowd(5, one)])), [], 'five may fall so by chance')
})

test('what is uneven for a reason, or for a moment, is no finding', () => {
  const rows: [string, View][] = [
    ['nothing is connected', withGroups([])],
    ['a young connection', withGroups([{ ...busy, oldestSeconds: 3 }])],
    ['a quiet connection', withGroups([{ ...busy, packets: 20 }])],
    ['little in each second of an hour', withGroups([{ ...busy, packets: 20_000, oldestSeconds: 3600 }])],
    ['many short ones', withGroups([{ ...busy, count: 900, established: 1 }])],
    ['others serve too', withGroups([busy, group(two, { packets: 400, established: 0 })])],
    [
      'session affinity',
      withGroups([busy], { cluster: { services: [service('web', { sessionAffinity: 'ClientIP' })] } }),
    ],
    [
      'the local pod is wanted',
      withGroups([busy], { cluster: { services: [service('web', { internalTrafficPolicy: 'Local' })] } }),
    ],
    ['one endpoint alone', withGroups([busy], { cluster: { slices: [slice('web', [one])] } })],
    ['untranslated: on the endpoint’s own node', withGroups([{ ...busy, address: address(one), port: 8080 }])],
    ['UDP', withGroups([{ ...busy, protocol: 'udp' }])],
    ['no agent was asked', view({ cluster: three3, machines: [] })],
    [
      'a table that was cut',
      view({
        cluster: three3,
        machines: [machine('node1', { connections: { count: 9, groups: [busy], truncated: true } })],
      }),
    ],
  ]
  for (const [title, of] of rows) assert.deepEqual(codes(of), [], title)
})

const dns = service('web', { ports: [{ port: 53, targetPort: 5353, protocol: 'UDP' }] })
const dnsSlice = slice('web', [one], { ports: [{ name: '', port: 5353, protocol: 'UDP' }] })
const entry = (endpoint: string, change: Partial<ConnectionGroup> = {}, left = 28): ConnectionGroup =>
  group(endpoint, {
    protocol: 'udp',
    port: 53,
    endpointPort: 5353,
    unanswered: 1,
    samples: [
      {
        original: `${two}:4000 > 100.64.0.5:53`,
        reply: `${endpoint}:5353 > ${two}:4000`,
        answered: false,
        timeoutSeconds: left,
      },
    ],
    ...change,
  })
const udpView = (groups: ConnectionGroup[]): View =>
  withGroups(groups, { cluster: { ...three3, services: [dns], slices: [dnsSlice] } })

test('datagrams that still go to an endpoint that has gone are told with the connection entry', () => {
  const [found, ...others] = udp.find(udpView([entry('100.96.2.77')]))
  assert.deepEqual(others, [])
  assert.equal(found?.code, 'UdpBlackHole')
  assert.deepEqual(
    found.also?.map(({ kind, name }) => `${kind} ${name}`),
    ['Pod web-2', 'Node node1'],
  )
  assert.match(
    found.say,
    /still sends to 100\.96\.2\.77:5353, which no pod has any more: 100\.96\.1\.3:4000 gets no answer/,
  )
  assert.equal(
    found.evidence[0]?.text,
    'node1: udp 100.96.1.3:4000 > 100.64.0.5:53 [UNREPLIED], reply 100.96.2.77:5353 > 100.96.1.3:4000, 28 s left',
  )
  assert.match(found.fix, /conntrack -D -p udp --orig-dst 100\.64\.0\.5 --orig-port-dst 53/)
})

test('entries that lead to an endpoint, or that nobody uses any more, are in order', () => {
  const unready = slice('web', [], {
    ports: dnsSlice.ports ?? [],
    endpoints: [{ addresses: [one], conditions: { ready: false } }],
  })
  const rows: [string, View, number][] = [
    ['an endpoint', udpView([entry(one)]), 0],
    ['an endpoint that is not ready', withGroups([entry(one)], { cluster: { services: [dns], slices: [unready] } }), 0],
    ['the right pod, another port', udpView([entry(one, { endpointPort: 53 })]), 1],
    ['it runs out', udpView([entry('100.96.2.77', {}, 5)]), 0],
    ['a stream that runs out', udpView([entry('100.96.2.77', {}, 80)]), 0],
    ['a stream that is used', udpView([entry('100.96.2.77', {}, 119)]), 1],
    ['TCP', udpView([entry('100.96.2.77', { protocol: 'tcp' })]), 0],
    ['no service', udpView([entry('100.96.2.77', { address: address('100.64.0.99') })]), 0],
    ['never translated', udpView([entry('100.64.0.5', { endpointPort: 53 })]), 1],
  ]
  for (const [title, of, count] of rows) assert.equal(udp.find(of).length, count, title)
})

test('who sends to an address that no pod has is named, by the connection or by the neighbour that did not answer', () => {
  const syn = (from: number, timeoutSeconds: number): ConnectionGroup['samples'][number] => ({
    original: `${two}:${from} > 100.96.2.77:80`,
    reply: '',
    answered: false,
    state: 'SYN_SENT',
    timeoutSeconds,
  })
  const away = group('100.96.2.77', {
    address: address('100.96.2.77'),
    port: 80,
    endpointPort: 80,
    established: 0,
    unanswered: 1,
    samples: [4000, 4001].map((from) => syn(from, 119)),
  })
  const found = stale.find(withGroups([away]))
  assert.deepEqual(
    found.map(({ code, object, evidence }) => [code, object.name, evidence.map(({ text }) => text)]),
    [['NoSuchPod', 'web-2', ['node1: tcp SYN_SENT 100.96.1.3:4000 > 100.96.2.77:80 [UNREPLIED]']]],
  )
  const dials = (ip: string, change: Partial<PodFacts> = {}): View => {
    const dialling = [{ from: `${one}:4000`, to: address(ip), port: 80, process: 'node', pid: 7 }]
    const neighbours = [{ address: address(ip), device: 'eth0', state: 'failed' }]
    const pods = [podFacts('web', { neighbours, dialling, ...change })]
    return view({ cluster: three3, machines: [machine('node1', { pods })] })
  }
  assert.deepEqual(
    stale.find(dials('100.96.1.77')).map(({ evidence }) => evidence.map(({ text }) => text)),
    [
      [
        'pod shop/web: tcp SYN_SENT 100.96.1.2:4000 > 100.96.1.77:80 node[7]',
        'pod shop/web: 100.96.1.77 dev eth0 FAILED',
      ],
    ],
  )
  const rows: [string, View][] = [
    ['a pod that is there and does not answer', dials(two)],
    ['the node itself', dials('100.96.1.1')],
    ['an address outside', dials('203.0.113.7')],
    ['somebody who has gone was only answered', dials('100.96.1.77', { dialling: [] })],
    ['an answered connection', withGroups([{ ...away, unanswered: 0 }])],
    ['a service’s address', withGroups([{ ...away, address: address('100.64.0.5') }])],
    ['one that was begun when its pod ended', withGroups([{ ...away, samples: [syn(4000, 119)] }])],
    ['nobody asks any more', withGroups([{ ...away, samples: [syn(4000, 60), syn(4001, 61)] }])],
    ['datagrams of a while ago', withGroups([{ ...away, protocol: 'udp', samples: [syn(4000, 5)] }])],
    [
      'a sender that is no pod',
      withGroups([
        {
          ...away,
          samples: away.samples.map((sample) => ({ ...sample, original: '192.168.50.11:4000 > 100.96.2.77:80' })),
        },
      ]),
    ],
  ]
  for (const [title, of] of rows) assert.deepEqual(stale.find(of), [], title)
  // All datagrams of one socket have one entry.
  assert.equal(stale.find(withGroups([{ ...away, protocol: 'udp', samples: [syn(4000, 29)] }])).length, 1)
})
