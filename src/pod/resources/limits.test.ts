import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/objects/pod.ts'
import { limitsOf, oomScoreOf, podLimitsOf } from './limits.ts'

test("a container's resources become limits; who names only a limit asks for as much", () => {
  assert.deepEqual(limitsOf({}), { cpuShare: 0, endTogether: true })
  assert.deepEqual(limitsOf({ resources: { limits: { cpu: '500m', memory: '64Mi' } } }), {
    cpuMost: 500,
    cpuShare: 500,
    memory: 64 * 1024 * 1024,
    endTogether: true,
  })
  assert.deepEqual(limitsOf({ resources: { requests: { cpu: '0.25' }, limits: { cpu: 2 } } }), {
    cpuMost: 2000,
    cpuShare: 250,
    endTogether: true,
  })
})

test('a limit of 0 is none, the smallest is one, and what is no amount is named', () => {
  assert.deepEqual(limitsOf({ resources: { limits: { cpu: '0', memory: 0 } } }), limitsOf({}))
  assert.deepEqual(limitsOf({ resources: { limits: { cpu: '1n', memory: '1m' } } }), {
    cpuMost: 1,
    cpuShare: 1,
    memory: 1,
    endTogether: true,
  })
  assert.ok((limitsOf({ resources: { limits: { memory: '1Ei' } } }).memory ?? 0) === 2 ** 60)
  for (const cpu of ['much', '-1', ''])
    assert.throws(() => limitsOf({ resources: { limits: { cpu } } }), {
      name: 'TypeError',
      message: `resources.limits.cpu: "${cpu}" is no amount from 0 on; write for example 500m`,
    })
  assert.throws(() => limitsOf({ resources: { limits: { memory: '-64Mi' } } }), /"-64Mi" is no amount .* 64Mi$/)
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
  assert.equal(score('Burstable', { requests: { cpu: 1 }, limits: { memory: '250Mi' } }), 750)
})
