import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyObject, clone } from '../json.ts'
import type { Pod, PodSpec } from '../objects/pod.ts'
import { resources } from '../resources.ts'
import { cluster, container, make, pod } from './testing.ts'

test("a pod's spec is for life, but for its image and what else upstream lets change", () => {
  const registry = cluster()
  const made = clone(make(registry, 'Pod', pod)) as unknown as Pod
  const change = (edit: (spec: PodSpec) => void): AnyObject => {
    const next = clone(made)
    delete (next.metadata as { resourceVersion?: string }).resourceVersion
    edit(next.spec)
    return registry.update(resources.Pod, next as unknown as AnyObject)
  }
  const [first] = made.spec.containers
  assert.equal(change((spec) => Object.assign(spec.containers[0] ?? {}, { image: 'other' })).metadata.generation, 2)
  change((spec) => spec.tolerations?.push({ key: 'x', operator: 'Exists' }))
  for (const edit of [
    (spec: PodSpec) => void (spec.nodeName = 'node1'),
    (spec: PodSpec) => void (spec.hostname = 'x'),
    (spec: PodSpec) => void spec.containers.push({ ...(first ?? container), name: 'd' }),
  ])
    assert.throws(() => change(edit), {
      code: 422,
      message: /spec: Forbidden: pod updates may not change fields other than/,
    })
})

test('gates of a pod are named when it is made, can only go, and keep it from a node', () => {
  const registry = cluster()
  const gates = ['example.com/a', 'example.com/b'].map((name) => ({ name }))
  make(registry, 'Pod', { ...pod, spec: { ...pod.spec, schedulingGates: gates } })
  const read = (): Pod => clone(registry.get(resources.Pod, 'a', 'default')) as unknown as Pod
  const scheduled = (): unknown => read().status?.conditions?.find(({ type }) => type === 'PodScheduled')?.reason
  assert.equal(scheduled(), 'SchedulingGated')
  assert.throws(() => registry.bind('a', 'default', 'node1'), {
    code: 409,
    message: /pod a has non-empty .spec.schedulingGates/,
  })
  const change = (schedulingGates: { name: string }[]): void => {
    const next = read()
    registry.update(resources.Pod, { ...next, spec: { ...next.spec, schedulingGates } })
  }
  assert.throws(() => change([...gates, { name: 'c' }]), {
    code: 422,
    message: /spec\.schedulingGates\[2\]: Forbidden: only deletion is allowed, but found new scheduling gate 'c'/,
  })
  change(gates.slice(1))
  change([])
  registry.bind('a', 'default', 'node1')
  assert.equal(scheduled(), undefined)
})

test('a pod gets its node once, by binding', () => {
  const registry = cluster()
  make(registry, 'Pod', pod)
  const bound = registry.bind('a', 'default', 'node1') as unknown as Pod
  assert.equal(bound.spec.nodeName, 'node1')
  assert.equal(bound.status?.conditions?.[0]?.type, 'PodScheduled')
  assert.throws(() => registry.bind('a', 'default', 'node2'), {
    code: 409,
    message: /already assigned to node "node1"/,
  })
})

test('a scheduled pod goes in two steps, an unscheduled one at once', () => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const registry = cluster({ now: () => new Date(now) })
  make(registry, 'Pod', pod)
  assert.equal(registry.delete(resources.Pod, 'a', 'default').gone, true)
  make(registry, 'Pod', pod)
  registry.bind('a', 'default', 'node1')
  const { object, gone } = registry.delete(resources.Pod, 'a', 'default')
  assert.equal(gone, false)
  assert.equal(object.metadata.deletionTimestamp, '2026-01-01T00:00:30Z')
  now += 5000
  const shorter = registry.delete(resources.Pod, 'a', 'default', { gracePeriodSeconds: 10 }).object
  assert.equal(shorter.metadata.deletionTimestamp, '2026-01-01T00:00:10Z')
  const longer = registry.delete(resources.Pod, 'a', 'default', { gracePeriodSeconds: 60 }).object
  assert.deepEqual(longer, shorter)
  assert.throws(() => registry.delete(resources.Pod, 'a', 'default', { uid: 'other' }), { code: 409 })
  assert.equal(registry.delete(resources.Pod, 'a', 'default', { gracePeriodSeconds: 0 }).gone, true)
})
