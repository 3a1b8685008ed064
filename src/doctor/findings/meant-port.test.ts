import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SocketFact } from '../facts.ts'
import type { Finding, View } from '../types.ts'
import { check as nobodyListens } from './02-nobody-listens.ts'
import { check as unknownPort } from './02-target-port.ts'
import { machine, pod, podFacts, service, slice, socket, view } from './testing.ts'

const withSockets = (sockets: SocketFact[], change: Parameters<typeof view>[0] = {}): View =>
  view({ machines: [machine('node1', { pods: [podFacts('web', { sockets })] })], ...change })
const told = (of: View): Finding[] => [...nobodyListens.find(of), ...unknownPort.find(of)]
const valueOf = (found: Finding | undefined): unknown =>
  (found?.patch?.body as { value: unknown }[] | undefined)?.[1]?.value

test('a port that another port leads to by a name is not meant either, and what is left is', () => {
  const two = service('web', {
    ports: [
      { name: 'http', port: 80, targetPort: 'http' },
      { name: 'metrics', port: 90, targetPort: 9999 },
    ],
  })
  const ports = [
    { name: 'http', port: 8080, protocol: 'TCP' as const },
    { name: 'metrics', port: 9999, protocol: 'TCP' as const },
  ]
  const cluster = { services: [two], slices: [slice('web', ['100.96.1.2'], { ports })] }
  const [none, ...more] = told(withSockets([socket(8080)], { cluster }))
  assert.deepEqual(
    [none?.code, none?.field, none?.patch, more],
    ['NobodyListens', 'spec.ports[1].targetPort', undefined, []],
  )
  assert.match(none?.fix ?? '', /^let the program listen on 9999, or take this port out of the service/)
  const [sidecar] = told(withSockets([socket(8080), socket(9102, { container: 'exporter' })], { cluster }))
  assert.equal(valueOf(sidecar), 9102)
})

test('TCP to who takes UDP, and the other way round, is told as that, and patched unless the service has both', () => {
  const rows: [SocketFact['protocol'], 'TCP' | 'UDP'][] = [
    ['udp', 'TCP'],
    ['tcp', 'UDP'],
  ]
  for (const [waits, sends] of rows) {
    const ports = [{ name: 'dns', port: 53, targetPort: 5353, protocol: sends }]
    const slices = [slice('web', ['100.96.1.2'], { ports: [{ name: 'dns', port: 5353, protocol: sends }] })]
    const sockets = [socket(5353, { protocol: waits })]
    const [one, ...more] = told(withSockets(sockets, { cluster: { services: [service('web', { ports })], slices } }))
    assert.deepEqual([one?.code, one?.field, more], ['NobodyListens', 'spec.ports[0].protocol', []])
    assert.match(
      one?.say ?? '',
      new RegExp(`sends ${sends} to port 5353, .* who waits there takes ${waits.toUpperCase()}`),
    )
    assert.deepEqual(one?.patch?.body, [
      { op: 'test', path: '/spec/ports/0/port', value: 53 },
      { op: 'add', path: '/spec/ports/0/protocol', value: waits.toUpperCase() },
    ])
    const both = [
      ...ports,
      { name: 'other', port: 53, targetPort: 5353, protocol: sends === 'TCP' ? ('UDP' as const) : ('TCP' as const) },
    ]
    const [of] = told(withSockets(sockets, { cluster: { services: [service('web', { ports: both })], slices } }))
    assert.deepEqual([of?.field, of?.patch], ['spec.ports[0].targetPort', undefined])
  }
})

test('a named port that is another port’s, or is there by another protocol, is not taken for the one that is meant', () => {
  const container = (ports: object[]) => pod('web', { spec: { containers: [{ name: 'main', ports }] } as never })
  const http = { name: 'http', containerPort: 8080 }
  const two = service('web', {
    ports: [
      { name: 'http', port: 80, targetPort: 'http' },
      { name: 'grpc', port: 9000, targetPort: 'grpc' },
    ],
  })
  const slices = [slice('web', ['100.96.1.2'], { ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] })]
  const of = (pods: ReturnType<typeof container>[], services = [two]) =>
    unknownPort.find(view({ cluster: { services, slices, pods } }))
  assert.deepEqual(
    of([container([http])]).map(({ patch, fix }) => [patch, fix]),
    [[undefined, 'name the port in the container, or write its number']],
  )
  assert.equal(valueOf(of([container([http, { name: 'rpc', containerPort: 9000 }])])[0]), 'rpc')
  const dns = service('web', { ports: [{ name: 'dns', port: 53, targetPort: 'dns' }] })
  const [swapped] = of([container([{ name: 'dns', containerPort: 5353, protocol: 'UDP' }])], [dns])
  assert.deepEqual([swapped?.field, valueOf(swapped)], ['spec.ports[0].protocol', 'UDP'])
  assert.match(swapped?.say ?? '', /port 53 by TCP, and what its ready pods call dns is a port by UDP/)
})
