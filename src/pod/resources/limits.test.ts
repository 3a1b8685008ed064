import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/objects/pod.ts'
import { limitsOf, oomScoreOf, podLimitsOf } from './limits.ts'

test("a container's resources become limits; who names only a limit asks for as much", () => {
  assert.deepEqual(limitsOf({}), { cpuShare: 0 })
  assert.deepEqual(limitsOf({ resources: { limits: { cpu: '500m', memory: '64Mi' } } }), {
    cpuMost: 500,
    cpuShare: 500,
    memory: 64 * 1024 * 1024,
  })
  assert.deepEqual(limitsOf({ resources: { requests: { cpu: '0.25' }, limits: { cpu: 2 } } }), {
    cpuMost: 2000,
    cpuShare: 250,
  })
  assert.throws(() => limitsOf({ resources: { limits: { cpu: 'much' } } }), TypeError)
})

test('a pod as a whole has as many processes as is sane, and its own resources', () => {
  assert.deepEqual(podLimitsOf({ containers: [] }, 4096), { pids: 4096 })
  assert.deepEqual(podLimitsOf({ containers: [], resources: { limits: { memory: '1Gi' } } }, 4096), {
    memory: 2 ** 30,
    pids: 4096,
  })
})

test('whom the kernel ends first follows from the quality of service', () => {
  const machine = 1000 * 2 ** 20
  const score = (qosClass: string, resources = {}): number => {
    const pod = { status: { qosClass } } as Pod
    return oomScoreOf(pod, { resources }, machine)
  }
  assert.equal(score('Guaranteed'), -997)
  assert.equal(score('BestEffort'), 1000)
  assert.equal(score('Burstable', { requests: { memory: '250Mi' } }), 750)
  assert.equal(score('Burstable', {}), 999)
  assert.equal(score('Burstable', { requests: { memory: '2Ti' } }), 3)
})
