import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod, PodSpec } from '../api/objects/pod.ts'
import { phaseOf } from './phase.ts'
import type { Ending } from './record.ts'
import { type ContainerFacts, type PodFacts, statusOf, waitingReason } from './status.ts'

const now = '2026-01-02T03:04:05.678Z'
const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'host', ...more })
const pod = (spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', uid: 'u' },
  spec: { containers: [container('a')], restartPolicy: 'Always', ...spec },
})
const ending = (exitCode: number): Ending => ({
  id: 'x',
  exitCode,
  reason: exitCode === 0 ? 'Completed' : 'Error',
  startedAt: now,
  finishedAt: now,
})
const up: ContainerFacts = { restarts: 0, id: 'r', running: { startedAt: now }, started: true, ready: true }
const unready: ContainerFacts = { ...up, ready: false }
const over = (exitCode: number): ContainerFacts => ({
  restarts: 0,
  id: 'x',
  ended: ending(exitCode),
  started: false,
  ready: false,
})
const looping: ContainerFacts = { ...over(1), restarts: 3, waiting: { reason: 'CrashLoopBackOff' } }
const creating: ContainerFacts = { restarts: 0, waiting: { reason: 'ContainerCreating' }, started: false, ready: false }

function facts(containers: Record<string, ContainerFacts>, more: Partial<PodFacts> = {}): PodFacts {
  const base = {
    hostIP: '192.168.50.11',
    startTime: '2026-01-02T03:04:00Z',
    sandbox: true,
    podIP: '100.96.1.2',
    ending: false,
  }
  return { ...base, containers: new Map(Object.entries(containers)), ...more }
}

test('the phase follows from the containers and the restart policy', () => {
  const two = [container('a'), container('b')]
  const inits = [container('i')]
  const sidecars = [container('i', { restartPolicy: 'Always' })]
  const startingAgain = { ...unready, started: false, restarts: 1, last: ending(1) }
  const rows: [string, Partial<PodSpec>, Record<string, ContainerFacts>, Partial<PodFacts>, string][] = [
    ['nothing yet', {}, {}, {}, 'Pending'],
    ['being made', {}, { a: creating }, {}, 'Pending'],
    ['one of two runs', { containers: two }, { a: up, b: creating }, {}, 'Pending'],
    ['both run', { containers: two }, { a: up, b: unready }, {}, 'Running'],
    ['it loops', {}, { a: looping }, {}, 'Running'],
    ['it ended well, and is started again', {}, { a: over(0) }, {}, 'Running'],
    ['it ended well, for good', { restartPolicy: 'OnFailure' }, { a: over(0) }, {}, 'Succeeded'],
    ['it failed, and is tried again', { restartPolicy: 'OnFailure' }, { a: over(1) }, {}, 'Running'],
    ['it failed, for good', { restartPolicy: 'Never' }, { a: over(1) }, {}, 'Failed'],
    [
      'one failed for good, the other is started again by a rule of its own',
      {
        containers: [
          container('a'),
          container('b', {
            restartPolicy: 'Never',
            restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
          }),
        ],
        restartPolicy: 'Never',
      },
      { a: over(1), b: over(42) },
      {},
      'Running',
    ],
    [
      'one of two failed for good',
      { containers: two, restartPolicy: 'Never' },
      { a: over(0), b: over(1) },
      {},
      'Failed',
    ],
    ['one of two still runs', { containers: two, restartPolicy: 'Never' }, { a: over(1), b: up }, {}, 'Running'],
    ['an init container runs', { initContainers: inits }, { i: up }, {}, 'Pending'],
    ['an init container is tried again', { initContainers: inits }, { i: over(1) }, {}, 'Pending'],
    [
      'an init container failed for good',
      { initContainers: inits, restartPolicy: 'Never' },
      { i: over(1) },
      {},
      'Failed',
    ],
    [
      'a sidecar has started',
      { initContainers: [container('i', { restartPolicy: 'Always' })] },
      { i: up, a: up },
      {},
      'Running',
    ],
    ['a sidecar starts', { initContainers: sidecars }, { i: startingAgain }, {}, 'Pending'],
    ['a sidecar starts again', { initContainers: sidecars }, { i: startingAgain, a: up }, {}, 'Running'],
    ['deleted, all ended well', {}, { a: over(0) }, { ending: true }, 'Succeeded'],
    ['deleted, one was killed', {}, { a: over(137) }, { ending: true }, 'Failed'],
    ['past its deadline', {}, { a: up }, { failed: { reason: 'DeadlineExceeded', message: '' } }, 'Failed'],
  ]
  for (const [title, spec, containers, more, phase] of rows)
    assert.equal(phaseOf(pod(spec), facts(containers, more)), phase, title)
})

test('a pod that is over stays over', () => {
  const done: Pod = { ...pod(), status: { phase: 'Failed' } }
  assert.equal(phaseOf(done, facts({ a: up })), 'Failed')
})

test('conditions tell what is missing, and since when', () => {
  const first = statusOf(pod(), facts({ a: unready }), now)
  const ready = first.conditions?.find(({ type }) => type === 'Ready')
  assert.deepEqual(ready, {
    type: 'Ready',
    status: 'False',
    reason: 'ContainersNotReady',
    message: 'containers with unready status: [a]',
    lastTransitionTime: '2026-01-02T03:04:05Z',
  })
  const told: Pod = {
    ...pod(),
    status: { conditions: [...(first.conditions ?? []), { type: 'example.com/gate', status: 'True' }] },
  }
  const later = statusOf(told, facts({ a: up }), '2026-01-02T04:00:00.000Z')
  const byType = new Map(later.conditions?.map((one) => [one.type, one]))
  assert.deepEqual(byType.get('Ready'), { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-02T04:00:00Z' })
  assert.equal(byType.get('Initialized')?.lastTransitionTime, '2026-01-02T03:04:05Z')
  assert.equal(byType.get('example.com/gate')?.status, 'True', 'conditions of others stay')
})

test('a pod with readiness gates is ready when all of them are open', () => {
  const gates = ['example.com/a', 'example.com/b'].map((conditionType) => ({ conditionType }))
  const ready = (conditions: { type: string; status: 'True' | 'False' }[]): unknown => {
    const status = statusOf({ ...pod({ readinessGates: gates }), status: { conditions } }, facts({ a: up }), now)
    const [one, containers] = ['Ready', 'ContainersReady'].map((type) =>
      status.conditions?.find((each) => each.type === type),
    )
    assert.equal(containers?.status, 'True')
    return [one?.status, one?.reason, one?.message]
  }
  assert.deepEqual(ready([{ type: 'example.com/a', status: 'False' }]), [
    'False',
    'ReadinessGatesNotReady',
    'the status of pod readiness gate "example.com/a" is not "True", but False, ' +
      'corresponding condition of pod readiness gate "example.com/b" does not exist.',
  ])
  const open = gates.map(({ conditionType }) => ({ type: conditionType, status: 'True' as const }))
  assert.deepEqual(ready(open), ['True', undefined, undefined])
})

test('whoever asks why a container waits hears what its status says', () => {
  const withInit = pod({ initContainers: [container('i')] })
  const waits = { waiting: { reason: 'ErrImagePull' } }
  const rows: [Pod, string, ContainerFacts][] = [
    [pod(), 'a', creating],
    [withInit, 'a', creating],
    [withInit, 'i', creating],
    [withInit, 'a', { ...creating, ...waits }],
  ]
  for (const [of, name, one] of rows) {
    const { initContainerStatuses = [], containerStatuses = [] } = statusOf(of, facts({ [name]: one }), now)
    const told = [...initContainerStatuses, ...containerStatuses].find((each) => each.name === name)
    assert.equal(waitingReason(of, name, one), told?.state?.waiting?.reason)
  }
  assert.equal(waitingReason(withInit, 'a', {}), 'PodInitializing')
  assert.equal(waitingReason(pod(), 'a', {}), 'ContainerCreating')
})

test('what a pod asks for and does not get stays in a condition', () => {
  const { conditions } = statusOf(pod(), facts({ a: up }, { leftOut: ['affinity'] }), now)
  const found = conditions?.find(({ type }) => type === 'kubehop.dev/Unsupported')
  assert.equal(
    found?.message,
    'not supported here and left out: affinity. That has no effect: remove it from the manifest, unless another cluster needs it there',
  )
})

test('a pod that is over is not ready because it is completed', () => {
  const { conditions } = statusOf(pod({ restartPolicy: 'Never' }), facts({ a: over(0) }, { sandbox: false }), now)
  const reasons = conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason ?? ''}`.trim())
  assert.deepEqual(reasons, [
    'PodReadyToStartContainers=False',
    'Initialized=True PodCompleted',
    'Ready=False PodCompleted',
    'ContainersReady=False PodCompleted',
    'PodScheduled=True',
  ])
})

test('a pod that fails is not ready because it failed, and is told to have failed when nothing of it runs any more', () => {
  const deadline = { reason: 'DeadlineExceeded', message: 'too late' }
  const running: Pod = { ...pod(), status: { phase: 'Running' } }
  const told = (containers: Record<string, ContainerFacts>): unknown[] => {
    const { phase, reason, conditions } = statusOf(running, facts(containers, { failed: deadline }), now)
    const ready = conditions?.find(({ type }) => type === 'Ready')
    return [phase, reason, ready?.status, ready?.reason]
  }
  assert.deepEqual(told({ a: up }), ['Running', undefined, 'False', 'PodFailed'])
  assert.deepEqual(told({ a: over(143) }), ['Failed', 'DeadlineExceeded', 'False', 'PodFailed'])
})

test('a pod whose containers are done is told so when its sidecars have ended, too', () => {
  const sidecars = [container('s', { restartPolicy: 'Always' })]
  const served: Pod = { ...pod({ initContainers: sidecars, restartPolicy: 'Never' }), status: { phase: 'Running' } }
  assert.equal(statusOf(served, facts({ s: up, a: over(0) }), now).phase, 'Running')
  assert.equal(statusOf(served, facts({ s: over(0), a: over(0) }), now).phase, 'Succeeded')
})

test('without a better reason a container is being created, or waits for those before it', () => {
  const reason = (spec: Partial<PodSpec>, containers: Record<string, ContainerFacts>): (string | undefined)[] => {
    const { initContainerStatuses = [], containerStatuses = [] } = statusOf(pod(spec), facts(containers), now)
    return [...initContainerStatuses, ...containerStatuses].map(({ state }) => state?.waiting?.reason)
  }
  const inits = [container('i')]
  assert.deepEqual(reason({}, {}), ['ContainerCreating'])
  assert.deepEqual(reason({}, { a: creating }), ['ContainerCreating'])
  assert.deepEqual(reason({ initContainers: inits }, {}), ['PodInitializing', 'PodInitializing'])
  assert.deepEqual(reason({ initContainers: inits }, { i: over(0), a: creating }), [undefined, 'PodInitializing'])
  assert.deepEqual(reason({ initContainers: inits }, { i: over(0), a: looping }), [undefined, 'CrashLoopBackOff'])
})

test('a container that loops tells why it waits and how it ended last', () => {
  const [status] = statusOf(pod(), facts({ a: looping }), now).containerStatuses ?? []
  assert.deepEqual(status?.state, { waiting: { reason: 'CrashLoopBackOff' } })
  assert.equal(status?.lastState?.terminated?.exitCode, 1)
  assert.equal(status?.restartCount, 3)
  assert.equal(status?.containerID, 'kubehop://x')
  const [running] = statusOf(pod(), facts({ a: { ...up, last: ending(2) } }), now).containerStatuses ?? []
  assert.deepEqual(running?.state, { running: { startedAt: '2026-01-02T03:04:05Z' } })
  assert.equal(running?.lastState?.terminated?.exitCode, 2)
})
