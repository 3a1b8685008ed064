import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSlice } from '../../objects/endpointslice.ts'
import type { Container, ContainerState, ContainerStatus, Pod, PodStatus } from '../../objects/pod.ts'
import type { Service, ServiceSpec } from '../../objects/service.ts'
import { duration } from './column.ts'
import { summary } from './pod.ts'
import { endpointSliceColumns, serviceColumns } from './service.ts'

const running: ContainerState = { running: { startedAt: '2026-01-01T00:00:00Z' } }
const waiting = (reason: string): ContainerState => ({ waiting: { reason } })
const ended = (exitCode: number, more: object = {}): ContainerState => ({ terminated: { exitCode, ...more } })

function container(state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name: 'c', ready: 'running' in state, restartCount: 0, image: '', imageID: '', state, ...more }
}

function pod(
  status: PodStatus,
  more: { deleting?: boolean; inits?: Partial<Container>[]; containers?: number } = {},
): Pod {
  const containers = Array.from({ length: more.containers ?? 1 }, (_, at) => ({ name: `c${at}` }))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', ...(more.deleting && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
    spec: {
      containers,
      ...(more.inits && { initContainers: more.inits.map((one, at) => ({ name: `i${at}`, ...one })) }),
    },
    status,
  }
}

test("a pod's status is what kubectl users know", () => {
  const ready = { conditions: [{ type: 'Ready', status: 'True' as const }] }
  const two = { containers: 2 }
  const rows: [string, Pod, string, string][] = [
    ['nothing yet', pod({ phase: 'Pending' }), 'Pending', '0/1'],
    [
      'starting',
      pod({ phase: 'Pending', containerStatuses: [container(waiting('ContainerCreating'))] }),
      'ContainerCreating',
      '0/1',
    ],
    [
      'no image',
      pod({ phase: 'Pending', containerStatuses: [container(waiting('ErrImagePull'))] }),
      'ErrImagePull',
      '0/1',
    ],
    ['running', pod({ phase: 'Running', containerStatuses: [container(running)] }), 'Running', '1/1'],
    [
      'not ready',
      pod({ phase: 'Running', containerStatuses: [container(running, { ready: false })] }),
      'Running',
      '0/1',
    ],
    [
      'crashing',
      pod({ phase: 'Running', containerStatuses: [container(waiting('CrashLoopBackOff'), { restartCount: 3 })] }),
      'CrashLoopBackOff',
      '0/1',
    ],
    ['failed', pod({ phase: 'Failed', containerStatuses: [container(ended(1, { reason: 'Error' }))] }), 'Error', '0/1'],
    [
      'done',
      pod({ phase: 'Succeeded', containerStatuses: [container(ended(0, { reason: 'Completed' }))] }),
      'Completed',
      '0/1',
    ],
    ['by code', pod({ phase: 'Failed', containerStatuses: [container(ended(3))] }), 'ExitCode:3', '0/1'],
    [
      'by signal',
      pod({ phase: 'Failed', containerStatuses: [container(ended(137, { signal: 9 }))] }),
      'Signal:9',
      '0/1',
    ],
    [
      'one done, one ready',
      pod(
        {
          phase: 'Running',
          ...ready,
          containerStatuses: [container(ended(0, { reason: 'Completed' })), container(running)],
        },
        two,
      ),
      'Running',
      '1/2',
    ],
    [
      'one done, not ready',
      pod(
        { phase: 'Running', containerStatuses: [container(ended(0, { reason: 'Completed' })), container(running)] },
        two,
      ),
      'NotReady',
      '1/2',
    ],
    [
      'one crashes',
      pod({ phase: 'Running', containerStatuses: [container(running), container(waiting('CrashLoopBackOff'))] }, two),
      'CrashLoopBackOff',
      '1/2',
    ],
    [
      'going',
      pod({ phase: 'Running', containerStatuses: [container(running)] }, { deleting: true }),
      'Terminating',
      '1/1',
    ],
    [
      'gone already',
      pod(
        { phase: 'Succeeded', containerStatuses: [container(ended(0, { reason: 'Completed' }))] },
        { deleting: true },
      ),
      'Completed',
      '0/1',
    ],
    ['node lost', pod({ phase: 'Running', reason: 'NodeLost' }, { deleting: true }), 'Unknown', '0/1'],
    ['evicted', pod({ phase: 'Failed', reason: 'Evicted' }), 'Evicted', '0/1'],
    [
      'first init',
      pod({ phase: 'Pending', initContainerStatuses: [container(running)] }, { inits: [{}, {}] }),
      'Init:0/2',
      '0/1',
    ],
    [
      'second init',
      pod(
        { phase: 'Pending', initContainerStatuses: [container(ended(0)), container(waiting('PodInitializing'))] },
        { inits: [{}, {}] },
      ),
      'Init:1/2',
      '0/1',
    ],
    [
      'init fails',
      pod({ phase: 'Pending', initContainerStatuses: [container(ended(2, { reason: 'Error' }))] }, { inits: [{}] }),
      'Init:Error',
      '0/1',
    ],
    [
      'init waits',
      pod({ phase: 'Pending', initContainerStatuses: [container(waiting('CrashLoopBackOff'))] }, { inits: [{}] }),
      'Init:CrashLoopBackOff',
      '0/1',
    ],
    [
      'sidecar',
      pod(
        {
          phase: 'Running',
          initContainerStatuses: [container(running, { name: 'i0', started: true })],
          containerStatuses: [container(running)],
        },
        { inits: [{ restartPolicy: 'Always' }] },
      ),
      'Running',
      '2/2',
    ],
  ]
  for (const [what, of, status, ready] of rows) {
    const got = summary(of)
    assert.equal(got.status, status, what)
    assert.equal(`${got.ready}/${got.total}`, ready, what)
  }
})

test('restarts are counted, with the time of the last one', () => {
  const lastState = (finishedAt: string): ContainerState => ended(1, { finishedAt })
  const { restarts, lastRestart } = summary(
    pod({
      phase: 'Running',
      containerStatuses: [
        container(running, { restartCount: 2, lastState: lastState('2026-01-01T00:00:00Z') }),
        container(running, { restartCount: 1, lastState: lastState('2026-01-02T00:00:00Z') }),
      ],
    }),
  )
  assert.deepEqual([restarts, lastRestart], [3, '2026-01-02T00:00:00Z'])
})

test('ages read as kubectl writes them', () => {
  const second = 1000
  const [minute, hour, day] = [60 * second, 3600 * second, 86_400 * second]
  const rows: [number, string][] = [
    [-5 * second, '<invalid>'],
    [-second, '0s'],
    [0, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [9 * minute + 5 * second, '9m5s'],
    [10 * minute + 5 * second, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [7 * hour + 5 * minute, '7h5m'],
    [47 * hour, '47h'],
    [2 * day, '2d'],
    [7 * day + 3 * hour, '7d3h'],
    [8 * day + hour, '8d'],
    [729 * day, '729d'],
    [731 * day, '2y1d'],
    [2921 * day, '8y'],
  ]
  for (const [ms, expected] of rows) assert.equal(duration(ms), expected)
})

test('services and slices show their addresses and ports in short', () => {
  const service = (spec: ServiceSpec, status?: Service['status']): (string | number)[] =>
    serviceColumns
      .slice(1, 5)
      .map((column) =>
        column.cell({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec, ...(status && { status }) }),
      )
  assert.deepEqual(service({ type: 'ClusterIP', clusterIP: 'None' }), ['ClusterIP', 'None', '<none>', '<none>'])
  assert.deepEqual(
    service({
      type: 'NodePort',
      clusterIP: '10.0.0.1',
      externalIPs: ['1.1.1.1'],
      ports: [
        { port: 80, nodePort: 30000, protocol: 'TCP' },
        { port: 53, protocol: 'UDP' },
      ],
    }),
    ['NodePort', '10.0.0.1', '1.1.1.1', '80:30000/TCP,53/UDP'],
  )
  assert.deepEqual(service({ type: 'ExternalName', externalName: 'example.com' }), [
    'ExternalName',
    '<none>',
    'example.com',
    '<none>',
  ])
  assert.equal(service({ type: 'LoadBalancer', clusterIP: '10.0.0.1' })[2], '<pending>')
  assert.equal(
    service({ type: 'LoadBalancer', clusterIP: '10.0.0.1' }, { loadBalancer: { ingress: [{ ip: '2.2.2.2' }] } })[2],
    '2.2.2.2',
  )
  const balanced = {
    ingress: [{ ip: '3.3.3.3' }, { hostname: 'lb.example.com' }, { ip: '2.2.2.2' }, { ip: '3.3.3.3' }],
  }
  assert.equal(
    service({ type: 'LoadBalancer', externalIPs: ['1.1.1.1'] }, { loadBalancer: balanced })[2],
    '2.2.2.2,3.3.3.3,lb.example.com,1.1.1.1',
  )
  const slice = {
    addressType: 'IPv4',
    endpoints: ['1', '2', '3', '4'].map((ip) => ({ addresses: [ip] })),
    ports: [{ port: 80 }],
  } as EndpointSlice
  assert.deepEqual(
    endpointSliceColumns.slice(1, 4).map((column) => column.cell(slice)),
    ['IPv4', '80', '1,2,3 + 1 more...'],
  )
})
