import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import type { SocketFact } from '../facts.ts'
import type { Finding, View } from '../types.ts'
import { check as nobodyListens } from './02-nobody-listens.ts'
import { check as unknownPort } from './02-target-port.ts'
import { check as loopback } from './03-loopback.ts'
import { machine, pod, podFacts, running, service, slice, socket, view } from './testing.ts'

/** The healthy cluster with its pod's sockets changed. */
const withSockets = (sockets: SocketFact[], change: Parameters<typeof view>[0] = {}): View =>
  view({ machines: [machine('node1', { pods: [podFacts('web', { sockets })] })], ...change })
const told = (of: View): Finding[] => [...nobodyListens.find(of), ...loopback.find(of), ...unknownPort.find(of)]
const codes = (of: View): string[] => told(of).flatMap(({ code, early }) => (early ? [] : [code]))
const valueOf = (found: Finding | undefined): unknown =>
  (found?.patch?.body as { value: unknown }[] | undefined)?.[1]?.value
const v6 = (text: string): SocketFact['address'] => address(text)

test('a port where nobody listens is told with what does listen, and a patch where one port can be meant', () => {
  const [found, ...others] = told(withSockets([socket(9090)]))
  assert.deepEqual(others, [])
  assert.equal(found?.code, 'NobodyListens')
  assert.deepEqual(found.object, { kind: 'Service', namespace: 'shop', name: 'web' })
  assert.equal(found.field, 'spec.ports[0].targetPort')
  assert.equal(
    found.say,
    'service shop/web sends to port 8080, and nobody listens there in pod shop/web; what listens there: tcp 0.0.0.0:9090 node[4711] in container main',
  )
  assert.equal(found.fix, 'set targetPort 9090, or let the program listen on 8080')
  assert.deepEqual(found.patch?.body, [
    { op: 'test', path: '/spec/ports/0/port', value: 80 },
    { op: 'add', path: '/spec/ports/0/targetPort', value: 9090 },
  ])
})

test('of several ports the one that a container declares is meant; without one nobody guesses', () => {
  const declared = pod('web', { spec: { containers: [{ name: 'main', ports: [{ containerPort: 9090 }] }] } })
  const sockets = [socket(9090), socket(9091)]
  const one = told(withSockets(sockets, { cluster: { pods: [declared] } }))[0]
  assert.equal(valueOf(one), 9090)
  const none = told(withSockets(sockets))[0]
  assert.equal(none?.patch, undefined)
  assert.equal(none?.fix, 'set targetPort 9090 or 9091, or let the program listen on 8080')
})

test('a port that another port of the service leads to is not meant', () => {
  const two = service('web', {
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'metrics', port: 90, targetPort: 9090 },
    ],
  })
  const ports = [
    { name: 'http', port: 8080, protocol: 'TCP' as const },
    { name: 'metrics', port: 9090, protocol: 'TCP' as const },
  ]
  const found = told(
    withSockets([socket(9090)], { cluster: { services: [two], slices: [slice('web', ['100.96.1.2'], { ports })] } }),
  )
  assert.deepEqual(
    found.map(({ code, patch }) => [code, patch]),
    [['NobodyListens', undefined]],
  )
})

test('who listens, and in which way, decides; nothing is said where nothing is wrong', () => {
  const rows: [string, View, string[]][] = [
    ['health', view(), []],
    ['every address', withSockets([socket(8080)]), []],
    ['IPv6’s every address takes IPv4 too', withSockets([socket(8080, { address: v6('::') })]), []],
    [
      'unless its program wished otherwise',
      withSockets([socket(8080, { address: v6('::'), only6: true })]),
      ['NobodyListens'],
    ],
    ['the pod’s own address', withSockets([socket(8080, { address: address('100.96.1.2') })]), []],
    ['another address', withSockets([socket(8080, { address: address('10.0.0.1') })]), ['NobodyListens']],
    ['a sidecar', withSockets([socket(8080, { container: 'proxy' })]), []],
    ['loopback', withSockets([socket(8080, { address: address('127.0.0.1') })]), ['LoopbackOnly']],
    ['IPv6’s loopback', withSockets([socket(8080, { address: v6('::1') })]), ['LoopbackOnly']],
    [
      'loopback beside a sidecar that takes all',
      withSockets([socket(8080, { address: address('127.0.0.1') }), socket(8080, { container: 'proxy' })]),
      [],
    ],
    ['the port of another protocol', withSockets([socket(8080, { protocol: 'udp' })]), ['NobodyListens']],
    ['nothing at all', withSockets([]), ['NobodyListens']],
    ['no agent was asked', view({ machines: [] }), []],
  ]
  for (const [title, of, expected] of rows) assert.deepEqual(codes(of), expected, title)
})

test('pods that have only begun, end, or have ended are not judged', () => {
  const rows: [string, Parameters<typeof pod>[1]][] = [
    ['begun', { status: { containerStatuses: [running('main', 2)] } }],
    ['begun anew', { status: { containerStatuses: [running('main'), running('other', 1)] } }],
    ['ending', { metadata: { deletionTimestamp: '2026-01-01T12:00:00Z' } }],
    ['completed', { status: { phase: 'Succeeded', containerStatuses: [] } }],
    [
      'waiting',
      { status: { containerStatuses: [{ ...running('main'), state: { waiting: { reason: 'CrashLoopBackOff' } } }] } },
    ],
  ]
  for (const [title, change] of rows)
    assert.deepEqual(codes(withSockets([], { cluster: { pods: [pod('web', change)] } })), [], title)
  for (const conditions of [{ ready: false }, { ready: true, terminating: true }]) {
    const slices = [slice('web', [], { endpoints: [{ addresses: ['100.96.1.2'], conditions }] })]
    assert.deepEqual(codes(withSockets([], { cluster: { slices } })), [])
  }
})

test('a port that is declared and used by no service may be silent', () => {
  const declared = pod('web', {
    spec: { containers: [{ name: 'main', ports: [{ containerPort: 8080 }, { containerPort: 9999 }] }] },
  })
  assert.deepEqual(codes(view({ cluster: { pods: [declared] } })), [])
})

test('one pod of two that does not listen is told as that pod’s matter', () => {
  const other = pod('web-2', { ip: '100.96.1.3', metadata: { labels: { app: 'web' } } })
  const [found, ...others] = told(
    view({
      cluster: { pods: [pod('web'), other], slices: [slice('web', ['100.96.1.2', '100.96.1.3'])] },
      machines: [machine('node1', { pods: [podFacts('web'), podFacts('web-2', { sockets: [] })] })],
    }),
  )
  assert.deepEqual(others, [])
  assert.deepEqual(found?.object, { kind: 'Pod', namespace: 'shop', name: 'web-2' })
  assert.equal(found?.patch, undefined)
  assert.match(found?.say ?? '', /while other pods of it serve; nothing listens there on any port$/)
})

test('UDP: sockets of clients are not proposed, and a kernel that tells nothing is not believed to say no', () => {
  const udp = service('web', { ports: [{ port: 53, targetPort: 5353, protocol: 'UDP' }] })
  const slices = [slice('web', ['100.96.1.2'], { ports: [{ name: '', port: 5353, protocol: 'UDP' }] })]
  const cluster = { services: [udp], slices }
  const found = told(withSockets([socket(53, { protocol: 'udp' }), socket(41234, { protocol: 'udp' })], { cluster }))
  assert.equal(valueOf(found[0]), 53)
  const untold = machine('node1', { pods: [podFacts('web', { sockets: [], untold: ['udp', 'sctp'] })] })
  assert.deepEqual(codes(view({ cluster, machines: [untold] })), [])
})

test('a pod with hostNetwork listens on its node', () => {
  const pods = [pod('web', { ip: '192.168.50.11', spec: { hostNetwork: true } })]
  const targetRef = { kind: 'Pod', namespace: 'shop', name: 'web' }
  const slices = [
    slice('web', [], { endpoints: [{ addresses: ['192.168.50.11'], conditions: { ready: true }, targetRef }] }),
  ]
  const facts = podFacts('web', { hostNetwork: true, sockets: [], links: [] })
  const on = (sockets: SocketFact[]): string[] =>
    codes(view({ cluster: { pods, slices }, machines: [machine('node1', { sockets, pods: [facts] })] }))
  assert.deepEqual(on([socket(8080, { pod: 'shop/web' })]), [])
  assert.deepEqual(on([socket(8081)]), ['NobodyListens'])
})

test('endpoints that somebody wrote by hand: outside nothing is known, in a pod the slice is named', () => {
  const byHand = service('web', { selector: {} })
  const outside = { services: [byHand], slices: [slice('web', ['203.0.113.7'])], pods: [] }
  assert.deepEqual(codes(view({ cluster: outside })), [])
  const [found] = told(withSockets([socket(9090)], { cluster: { services: [byHand] } }))
  assert.deepEqual([found?.object.kind, found?.object.name, found?.patch], ['EndpointSlice', 'web-1', undefined])
})

test('a name that no container has: the nearest one, or the only number, is proposed', () => {
  const first = (one: View): Finding | undefined => told(one)[0]
  const named = service('web', { ports: [{ port: 80, targetPort: 'htpp' }] })
  const empty = [slice('web', [], { ports: [] })]
  const of = (ports: { name?: string; containerPort: number; protocol?: 'TCP' | 'UDP' }[], more = {}): View =>
    view({
      cluster: {
        services: [named],
        slices: empty,
        pods: [pod('web', { spec: { containers: [{ name: 'main', ports }], ...more } })],
      },
    })
  assert.deepEqual(codes(of([{ name: 'http', containerPort: 8080 }])), ['PortNotInSlice'])
  assert.equal(
    valueOf(
      first(
        of([
          { name: 'http', containerPort: 8080 },
          { name: 'metrics', containerPort: 9090 },
        ]),
      ),
    ),
    'http',
  )
  assert.equal(valueOf(first(of([{ containerPort: 8080 }]))), 8080)
  assert.equal(valueOf(first(of([]))), undefined)
  assert.equal(valueOf(first(of([{ name: 'htpp', containerPort: 8080, protocol: 'UDP' }]))), 'UDP')
  const sidecar = [{ name: 'proxy', restartPolicy: 'Always' as const, ports: [{ name: 'htpp', containerPort: 8080 }] }]
  assert.deepEqual(codes(of([], { initContainers: sidecar })), [])
  const unready = view({
    cluster: { services: [named], slices: empty, pods: [pod('web', { status: { conditions: [] } })] },
  })
  assert.deepEqual(codes(unready), [])
})
