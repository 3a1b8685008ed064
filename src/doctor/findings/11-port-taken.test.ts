import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerStatus, Pod } from '../../api/objects/pod.ts'
import type { SocketFact } from '../facts.ts'
import type { View } from '../types.ts'
import { check } from './11-port-taken.ts'
import { machine, pod, podFacts, running, socket, view } from './testing.ts'

const terminated = { exitCode: 1, reason: 'Error' }
const crashing: ContainerStatus = {
  ...running('second'),
  ready: false,
  restartCount: 3,
  state: { waiting: { reason: 'CrashLoopBackOff' } },
  lastState: { terminated },
}
const two = (status: ContainerStatus, spec: Partial<Pod['spec']> = {}): Pod =>
  pod('web', {
    spec: { containers: [{ name: 'main' }, { name: 'second' }], ...spec },
    status: { containerStatuses: [running('main'), status] },
  })
const libuv = 'Error: listen EADDRINUSE: address already in use 0.0.0.0:8080\n    at Server.setupListenHandle'
const saying = (
  lastWords: string | undefined,
  sockets: SocketFact[] = [socket(8080)],
  one: Pod = two(crashing),
): View =>
  view({
    cluster: { pods: [one] },
    machines: [
      machine('node1', {
        pods: [
          podFacts('web', {
            sockets,
            containers: [
              { name: 'main', pid: 4711 },
              { name: 'second', ...(lastWords !== undefined && { lastWords }) },
            ],
          }),
        ],
      }),
    ],
  })
const codes = (of: View): string[] => check.find(of).map(({ code, sure }) => `${code} ${sure}`)

test('a container that finds its port taken is told with who holds it', () => {
  const [found, ...others] = check.find(saying(libuv))
  assert.deepEqual(others, [])
  assert.deepEqual(found?.object, { kind: 'Pod', namespace: 'shop', name: 'web' })
  assert.equal(found.field, 'spec.containers[1]')
  assert.equal(
    found.say,
    'container second of pod shop/web ends at once, 3 restarts so far: port 8080 is taken by container main (node, process 4711)',
  )
  assert.deepEqual(
    found.evidence.map(({ text }) => text),
    [
      'container second said: Error: listen EADDRINUSE: address already in use 0.0.0.0:8080',
      'tcp 0.0.0.0:8080 node[4711] in container main',
    ],
  )
  assert.deepEqual(found.also, [{ kind: 'Service', namespace: 'shop', name: 'web' }])
})

test('programs say it in their own words', () => {
  const rows: [string, string][] = [
    ['Node on IPv6', 'Error: listen EADDRINUSE: address already in use :::8080'],
    ['Go', '2026/01/01 12:00:00 listen tcp :8080: bind: address already in use'],
    ['Go on IPv6', 'listen tcp [::]:8080: bind: address already in use'],
    ['nginx', 'nginx: [emerg] bind() to 0.0.0.0:8080 failed (98: Address already in use)'],
    ['Java', 'java.net.BindException: Address already in use\nFailed to bind to port 8080'],
    ['Rust', 'Error: Os { code: 98, kind: AddrInUse, message: "Address already in use" } on 127.0.0.1:8080'],
    ['libuv, in two lines', '{ code: "EADDRINUSE",\n  port: 8080 }'],
  ]
  for (const [title, words] of rows) assert.deepEqual(codes(saying(words)), ['PortTaken certain'], title)
  const nginx = 'nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)'
  assert.deepEqual(codes(saying(nginx, [socket(80)])), ['PortTaken certain'])
  assert.deepEqual(
    codes(saying('OSError: [Errno 98] Address already in use')),
    ['PortTaken likely'],
    'Python says no port',
  )
})

test('the termination message tells it where no log can be read', () => {
  const status = { ...crashing, lastState: { terminated: { ...terminated, message: libuv } } }
  assert.deepEqual(codes(saying(undefined, undefined, two(status))), ['PortTaken certain'])
})

test('nobody guesses: without words, or without a holder, nothing is said', () => {
  const runs = { ...running('second'), restartCount: 3, lastState: { terminated } }
  const rows: [string, View][] = [
    ['another error', saying('Error: no such file')],
    ['nobody holds it (any more)', saying(libuv, [])],
    ['somebody holds another port', saying(libuv, [socket(9090)])],
    ['the container itself holds it', saying(libuv, [socket(8080, { container: 'second' })])],
    ['a holder that is no container’s', saying(libuv, [{ protocol: 'tcp', address: socket(1).address, port: 8080 }])],
    [
      'no port is said, and several are held',
      saying('[Errno 98] Address already in use', [socket(8080), socket(9090)]),
    ],
    ['it runs now', saying(libuv, undefined, two(runs))],
    ['it ended well', saying(libuv, undefined, two({ ...crashing, lastState: { terminated: { exitCode: 0 } } }))],
    ['no agent was asked', view({ machines: [], cluster: { pods: [two(crashing)] } })],
  ]
  for (const [title, of] of rows) assert.deepEqual(codes(of), [], title)
})

test('a sidecar finds its port taken as well', () => {
  const one = two(running('second'), {
    containers: [{ name: 'main' }],
    initContainers: [{ name: 'second', restartPolicy: 'Always' }],
  })
  const status = { ...one.status, containerStatuses: [running('main')], initContainerStatuses: [crashing] }
  const [found] = check.find(saying(libuv, undefined, { ...one, status }))
  assert.deepEqual([found?.code, found?.field], ['PortTaken', 'spec.initContainers[0]'])
  assert.match(found?.say ?? '', /^container second of pod shop\/web ends at once/)
})

test('pods with hostNetwork collide on their node', () => {
  const of = view({
    cluster: { pods: [two(crashing, { hostNetwork: true })] },
    machines: [
      machine('node1', {
        sockets: [socket(8080, { pod: 'shop/other', container: 'main' })],
        pods: [podFacts('web', { hostNetwork: true, sockets: [], containers: [{ name: 'second', lastWords: libuv }] })],
      }),
    ],
  })
  assert.match(check.find(of)[0]?.say ?? '', /taken by container main of pod shop\/other/)
  assert.match(check.find(of)[0]?.fix ?? '', /share their node’s network/)
})
