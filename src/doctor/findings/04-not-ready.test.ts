import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerState, ContainerStatus, Pod, Probe } from '../../api/objects/pod.ts'
import type { Event } from '../../api/objects/simple.ts'
import type { Deployment, ReplicaSet } from '../../api/objects/workload.ts'
import type { View } from '../types.ts'
import { check } from './04-not-ready.ts'
import { machine, now, pod, podFacts, service, slice, socket, view } from './testing.ts'

const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString()
const unready = (
  name: string,
  state: ContainerState,
  more: {
    probe?: Probe
    status?: Partial<ContainerStatus>
    changed?: number
    metadata?: Partial<Pod['metadata']>
  } = {},
): Pod =>
  pod(name, {
    metadata: { name, namespace: 'shop', labels: { app: 'web' }, creationTimestamp: ago(600), ...more.metadata },
    spec: { nodeName: 'node1', containers: [{ name: 'main', ...(more.probe && { readinessProbe: more.probe }) }] },
    status: {
      conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: ago(more.changed ?? 600) }],
      containerStatuses: [
        { name: 'main', ready: false, restartCount: 0, image: 'host', imageID: '', state, ...more.status },
      ],
    },
  })
const said = (name: string, message: string): Event => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: `${name}.1`, namespace: 'shop' },
  involvedObject: { kind: 'Pod', namespace: 'shop', name, fieldPath: 'spec.containers{main}' },
  reason: 'Unhealthy',
  type: 'Warning',
  message,
  lastTimestamp: ago(1),
})
const empty = slice('web', [])
const found = (
  pods: readonly Pod[],
  rest: Partial<Omit<View, 'cluster'>> & { cluster?: Partial<View['cluster']> } = {},
) => check.find(view({ ...rest, cluster: { pods, slices: [empty], ...rest.cluster } }))

test('why a pod is not Ready is told by what its status and its events say', () => {
  const probe: Probe = { httpGet: { port: 8081, path: '/healthz' }, periodSeconds: 1 }
  const rows: [string, Pod, Event[], RegExp][] = [
    [
      'a crash',
      unready(
        'web',
        { waiting: { reason: 'CrashLoopBackOff' } },
        { status: { restartCount: 4, lastState: { terminated: { exitCode: 3 } } } },
      ),
      [],
      /ends each time: exit code 3, 4 restarts$/,
    ],
    [
      'memory',
      unready(
        'web',
        { waiting: { reason: 'CrashLoopBackOff' } },
        { status: { restartCount: 1, lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } } },
      ),
      [],
      /more memory than its limit/,
    ],
    [
      'an image',
      unready('web', { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } }),
      [],
      /image host is not to be had \(ImagePullBackOff\): no such image$/,
    ],
    [
      'its environment',
      unready('web', { waiting: { reason: 'CreateContainerConfigError', message: 'secret "x" not found' } }),
      [],
      /cannot be started \(CreateContainerConfigError\): secret "x" not found$/,
    ],
    [
      'a probe',
      unready('web', { running: { startedAt: ago(600) } }, { probe }),
      [said('web', 'Readiness probe failed: HTTP probe failed with statuscode: 500')],
      /readiness probe of container main \(GET :8081\/healthz\) fails: HTTP probe failed with statuscode: 500$/,
    ],
  ]
  for (const [title, one, events, expected] of rows) {
    const [first, ...more] = found([one], { events })
    assert.deepEqual([first?.code, first?.early, more], ['NoReadyPod', false, []], title)
    assert.match(first?.say ?? '', expected, title)
    assert.ok((first?.evidence.length ?? 0) > 0)
  }
  const nowhere = pod('web', {
    metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' }, creationTimestamp: ago(60) },
    status: {
      phase: 'Pending',
      conditions: [
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available' },
      ],
      containerStatuses: [],
    },
  })
  delete nowhere.spec.nodeName
  assert.match(found([nowhere])[0]?.say ?? '', /no node takes it: 0\/3 nodes are available$/)
})

test('a pod has the time that its own probe gives it, and none more once it was Ready', () => {
  const slow: Probe = { tcpSocket: { port: 1 }, initialDelaySeconds: 30, periodSeconds: 10, failureThreshold: 3 }
  const at = (seconds: number, changed = seconds): boolean | undefined =>
    found([unready('web', { running: { startedAt: ago(seconds) } }, { probe: slow, changed })], {
      events: [said('web', 'Readiness probe failed: connection refused')],
    })[0]?.early
  assert.deepEqual([at(1), at(59), at(61)], [true, true, false])
  assert.equal(at(30, 3), false, 'it was Ready for a while')
})

test('a first end, an image that is fetched and an init container have some time', () => {
  const early = (one: Pod): boolean | undefined => found([one])[0]?.early
  const crash = (restartCount: number): Pod =>
    unready('web', { waiting: { reason: 'CrashLoopBackOff' } }, { status: { restartCount } })
  assert.deepEqual([early(crash(0)), early(crash(1))], [true, false])
  const creating = (seconds: number): Pod =>
    unready('web', { waiting: { reason: 'ContainerCreating' } }, { metadata: { creationTimestamp: ago(seconds) } })
  assert.deepEqual([early(creating(30)), early(creating(90))], [true, false])
  const waits = creating(90)
  const init = {
    name: 'wait',
    ready: false,
    restartCount: 0,
    image: '',
    imageID: '',
    state: { running: { startedAt: ago(80) } },
  }
  const [one] = found([{ ...waits, status: { ...waits.status, initContainerStatuses: [init] } }])
  assert.match(one?.say ?? '', /init container wait has not ended yet$/)
  assert.match(one?.fix ?? '', /logs web -c wait$/)
})

test('a refused probe is turned to the port where somebody listens, in the Deployment that made the pod', () => {
  const probe: Probe = { httpGet: { port: 8081 }, periodSeconds: 1 }
  const owner = (kind: string, name: string) => [{ apiVersion: 'apps/v1', kind, name, uid: name, controller: true }]
  const one = unready(
    'web',
    { running: { startedAt: ago(60) } },
    { probe, metadata: { ownerReferences: owner('ReplicaSet', 'web-1') } },
  )
  const set = {
    kind: 'ReplicaSet',
    apiVersion: 'apps/v1',
    metadata: { name: 'web-1', namespace: 'shop', ownerReferences: owner('Deployment', 'web') },
  } as ReplicaSet
  const deployment = {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    metadata: { name: 'web', namespace: 'shop' },
  } as Deployment
  const cluster = { replicaSets: [set], deployments: [deployment] }
  const events = [said('web', 'Readiness probe failed: Get "http://100.96.1.2:8081/": connection refused')]
  const patchWith = (...ports: number[]): unknown =>
    found([one], {
      events,
      cluster,
      machines: [machine('node1', { pods: [podFacts('web', { sockets: ports.map((port) => socket(port)) })] })],
    })[0]?.patch
  assert.deepEqual(patchWith(8080), {
    kind: 'Deployment',
    namespace: 'shop',
    name: 'web',
    type: 'strategic',
    body: {
      spec: { template: { spec: { containers: [{ name: 'main', readinessProbe: { httpGet: { port: 8080 } } }] } } },
    },
  })
  // With two ports it would be a guess; without kernels nobody knows.
  assert.equal(patchWith(8080, 9090), undefined)
  assert.equal(found([one], { events, cluster, machines: [] })[0]?.patch, undefined)
})

test('some that are not Ready are a warning; services of the same pods are one finding', () => {
  const bad = unready('web', { waiting: { reason: 'CrashLoopBackOff' } })
  const good = pod('good', { metadata: { name: 'good', namespace: 'shop', labels: { app: 'web' } }, ip: '100.96.1.3' })
  assert.deepEqual(
    found([bad, good]).map(({ code, level, object }) => [code, level, object.name]),
    [['PodNotReady', 'warning', 'web']],
  )
  const both = found([bad], {
    cluster: { services: [service('web'), service('web-too', { selector: { app: 'web' } })] },
  })
  assert.equal(both.length, 1)
  assert.match(both[0]?.say ?? '', /^service shop\/web and service shop\/web-too select 1 pod, and none is ready/)
  assert.ok(both[0]?.also?.some(({ kind, name }) => kind === 'Service' && name === 'web-too'))
})

test('pods that have ended or are ending, and services that take pods as they are, are no alarm', () => {
  const bad = unready('web', { waiting: { reason: 'CrashLoopBackOff' } })
  const leaving = { ...bad, metadata: { ...bad.metadata, deletionTimestamp: ago(1) } }
  assert.deepEqual(found([leaving]), [])
  const done = pod('web', { status: { phase: 'Succeeded', conditions: [{ type: 'Ready', status: 'False' }] } })
  assert.deepEqual(
    found([done]).map(({ code, level }) => [code, level]),
    [['PodsEnded', 'info']],
  )
  // A Job tries again: it counts that one attempt was right.
  const attempt = pod('web-1', {
    metadata: { ...done.metadata, name: 'web-1' },
    status: { phase: 'Failed', conditions: [{ type: 'Ready', status: 'False' }] },
  })
  const level = (...pods: Pod[]): unknown => found(pods).map(({ code, level: of }) => `${code} ${of}`)
  assert.deepEqual([level(attempt), level(attempt, done)], [['PodsEnded warning'], ['PodsEnded info']])
  const published = found([bad], { cluster: { services: [service('web', { publishNotReadyAddresses: true })] } })
  assert.deepEqual(
    published.map(({ code }) => code),
    ['PodNotReady'],
  )
  // A Job's pod that no service selects.
  assert.deepEqual(found([pod('job', { status: { phase: 'Succeeded' } })], { cluster: { services: [] } }), [])
  assert.deepEqual(check.find(view()), [])
})

test('a standby whose services publish its address all the same is for information', () => {
  const probe: Probe = { exec: { command: ['is-leader'] } }
  const standby = unready('web-1', { running: { startedAt: ago(600) } }, { probe })
  const crashed = unready('web-1', { waiting: { reason: 'CrashLoopBackOff' } }, { probe })
  const published = service('web', { publishNotReadyAddresses: true })
  const levels = (one: Pod, services = [published]): unknown =>
    check.find(view({ cluster: { pods: [one], services } })).map(({ code, level }) => `${code} ${level}`)
  assert.deepEqual(levels(standby), ['PodNotReady info'])
  assert.deepEqual(levels(crashed), ['PodNotReady warning'])
  assert.deepEqual(levels(standby, []), ['PodNotReady warning'])
  const other = service('other', { selector: { app: 'web' } })
  assert.deepEqual(levels(standby, [published, other]), ['NoReadyPod error'])
  const ready = { ...pod('web-0'), metadata: { ...standby.metadata, name: 'web-0' } }
  const pods = [standby, ready]
  const found = check.find(view({ cluster: { pods, services: [published, other] } }))
  assert.deepEqual(
    found.map(({ code, level }) => `${code} ${level}`),
    ['PodNotReady warning'],
  )
})
