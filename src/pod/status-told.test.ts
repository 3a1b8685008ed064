// What stands in a status besides the phase, in cases that are easily told wrong.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod, PodSpec, PodStatus } from '../api/objects/pod.ts'
import type { Ending } from './record.ts'
import { type ContainerFacts, statusOf } from './status.ts'

const now = '2026-01-02T03:04:05.678Z'
const up: ContainerFacts = { restarts: 0, id: 'r', running: { startedAt: now }, started: true, ready: true }
const ending = (id: string, exitCode: number): Ending => ({
  id,
  exitCode,
  reason: exitCode === 0 ? 'Completed' : 'Error',
  startedAt: now,
  finishedAt: now,
})
const over = (exitCode: number): ContainerFacts => ({
  restarts: 0,
  id: 'x',
  ended: ending('x', exitCode),
  started: false,
  ready: false,
})

function told(spec: Partial<PodSpec>, containers: Record<string, ContainerFacts>, status: PodStatus = {}): PodStatus {
  const named: Container[] = [{ name: 'a', image: 'host' }]
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'u' },
    spec: { containers: named, ...spec },
    status,
  }
  const facts = { hostIP: '192.168.50.11', startTime: now, sandbox: true, ending: false }
  return statusOf(pod, { ...facts, containers: new Map(Object.entries(containers)) }, now)
}

test('an init container is ready when it has succeeded, a sidecar while it is', () => {
  const initContainers: Container[] = [
    { name: 'done', image: 'host' },
    { name: 'side', image: 'host', restartPolicy: 'Always' },
    { name: 'next', image: 'host' },
    { name: 'failed', image: 'host' },
  ]
  const { initContainerStatuses = [] } = told(
    { initContainers },
    { done: over(0), side: up, next: { ...up, ready: false }, failed: over(1) },
  )
  assert.deepEqual(
    initContainerStatuses.map(({ ready }) => ready),
    [true, true, false, false],
  )
  const [, ended] = told({ initContainers }, { done: over(0), side: over(0) }).initContainerStatuses ?? []
  assert.equal(ended?.ready, false)
})

test('why a pod is over stays in its status, also when another agent tells it', () => {
  const why = { reason: 'DeadlineExceeded', message: 'too late' }
  const failed = told({}, { a: over(137) }, { phase: 'Failed', ...why })
  assert.deepEqual([failed.phase, failed.reason, failed.message], ['Failed', why.reason, why.message])
  const running = told({}, { a: up }, { phase: 'Running', ...why })
  assert.deepEqual([running.phase, running.reason, running.message], ['Running', undefined, undefined])
})

test('an end is told once: as the last one only when another instance runs, or shall', () => {
  const waits = { ...over(1), restarts: 1, last: ending('before', 2), waiting: { reason: 'CrashLoopBackOff' } }
  const ends = (status: PodStatus): (string | undefined)[] => {
    const { state, lastState } = status.containerStatuses?.[0] ?? {}
    return [state?.terminated?.containerID, lastState?.terminated?.containerID]
  }
  assert.deepEqual(ends(told({}, { a: waits })), [undefined, 'kubehop://x'])
  // It waited to be started again when the pod was over.
  assert.deepEqual(ends(told({}, { a: waits }, { phase: 'Failed' })), ['kubehop://x', 'kubehop://before'])
})
