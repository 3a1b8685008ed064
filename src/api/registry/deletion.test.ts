import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyObject, clone } from '../json.ts'
import type { Namespace } from '../objects/simple.ts'
import { resources } from '../resources.ts'
import { cluster, deployment, make } from './testing.ts'

test('finalizers hold an object until the last one is taken away', () => {
  const registry = cluster()
  make(registry, 'ConfigMap', {
    metadata: { name: 'm', namespace: 'default', finalizers: ['example.com/a', 'example.com/b'] },
  })
  assert.equal(registry.delete(resources.ConfigMap, 'm', 'default').gone, false)
  const without = (...finalizers: string[]): AnyObject =>
    registry.patch(resources.ConfigMap, 'm', 'default', (object) => {
      object.metadata.finalizers = finalizers
      return object
    })
  assert.throws(() => without('example.com/a', 'example.com/c'), {
    code: 422,
    message: /no new finalizers can be added if the object is being deleted/,
  })
  without('example.com/a')
  assert.ok(registry.find(resources.ConfigMap, 'm', 'default'))
  without()
  assert.equal(registry.find(resources.ConfigMap, 'm', 'default'), undefined)
})

test('orphaning and foreground deletion are finalizers for the garbage collector', () => {
  const registry = cluster()
  make(registry, 'Deployment', deployment)
  const { object, gone } = registry.delete(resources.Deployment, 'a', 'default', { propagationPolicy: 'Orphan' })
  assert.deepEqual([gone, object.metadata.finalizers], [false, ['orphan']])
  const other = registry.delete(resources.Deployment, 'a', 'default', { propagationPolicy: 'Foreground' })
  assert.deepEqual(other.object.metadata.finalizers, ['foregroundDeletion'])
})

test('a namespace is terminating until it is finalized, and takes nothing new meanwhile', () => {
  const registry = cluster()
  assert.throws(() => make(registry, 'ConfigMap', { metadata: { name: 'm', namespace: 'n' } }), {
    code: 404,
    message: 'namespaces "n" not found',
  })
  const made = make(registry, 'Namespace', { metadata: { name: 'n' } }) as unknown as Namespace
  assert.deepEqual(
    [made.spec, made.status, made.metadata.labels],
    [{ finalizers: ['kubernetes'] }, { phase: 'Active' }, { 'kubernetes.io/metadata.name': 'n' }],
  )
  // While it lives, its finalizer cannot be taken away.
  const kept = registry.update(resources.Namespace, {
    ...clone(made),
    spec: { finalizers: [] },
  }) as unknown as Namespace
  assert.deepEqual(kept.spec?.finalizers, ['kubernetes'])
  const { object } = registry.delete(resources.Namespace, 'n')
  assert.equal((object as unknown as Namespace).status?.phase, 'Terminating')
  assert.throws(() => make(registry, 'ConfigMap', { metadata: { name: 'm', namespace: 'n' } }), {
    code: 403,
    message: /because it is being terminated/,
  })
  registry.update(resources.Namespace, { ...clone(object), spec: { finalizers: [] } })
  assert.equal(registry.find(resources.Namespace, 'n'), undefined)
  assert.throws(() => registry.delete(resources.Namespace, 'kube-system'), { code: 403 })
})
