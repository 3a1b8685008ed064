import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AnyObject, clone } from '../json.ts'
import { applyPatch, firstApply } from './apply.ts'
import { below, common, type FieldSet, fieldSetOf, leavesOf, valueAt, without } from './fieldset.ts'

function map(data: Record<string, string>, meta: object = {}): AnyObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', ...meta }, data }
}

function pod(...containers: object[]): AnyObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers } }
}

const as = (manager: string, force = false): { manager: string; force: boolean; time: string } => ({
  manager,
  force,
  time: '2026-01-01T00:00:00Z',
})

function applied(live: AnyObject, wanted: AnyObject, manager: string, force = false): AnyObject {
  return applyPatch(clone(live), clone(wanted), wanted.kind, as(manager, force))
}

test('what a manager no longer says goes, what others set stays', () => {
  const first = firstApply(map({ a: '1', b: '2' }, { labels: { x: 'y' } }), 'ConfigMap', as('me'))
  ;(first['data'] as Record<string, string>)['theirs'] = '3'
  const next = applied(first, map({ b: '2' }), 'me')
  assert.deepEqual(next['data'], { b: '2', theirs: '3' })
  assert.equal(next.metadata.labels, undefined)
  assert.deepEqual(applied(next, map({ b: '2' }), 'me'), next)
})

test('two managers share what they agree on, and conflict where they do not', () => {
  const mine = firstApply(map({ a: '1', b: '2' }), 'ConfigMap', as('me'))
  const both = applied(mine, map({ b: '2', c: '3' }), 'you')
  assert.deepEqual(applied(both, map({ a: '1' }), 'me')['data'], { a: '1', b: '2', c: '3' })
  assert.throws(() => applied(both, map({ b: '5' }), 'you'), {
    code: 409,
    reason: 'Conflict',
    message: 'Apply failed with 1 conflict: conflict with "me": .data.b',
    details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "me"', field: '.data.b' }] },
  })
  const forced = applied(both, map({ b: '5' }), 'you', true)
  assert.deepEqual(forced['data'], { a: '1', b: '5' })
  // The field is theirs alone now: saying nothing of it does not take it away.
  assert.deepEqual(applied(forced, map({ a: '1' }), 'me')['data'], { a: '1', b: '5' })
  assert.deepEqual(applied(forced, map({}), 'you')['data'], { a: '1' })
})

test('items of lists are owned by their keys', () => {
  const first = firstApply(pod({ name: 'a', image: 'x' }, { name: 'b', image: 'y' }), 'Pod', as('me'))
  const [a] = (first['spec'] as { containers: Record<string, unknown>[] }).containers
  Object.assign(a ?? {}, { imagePullPolicy: 'Always' })
  const other = applied(first, pod({ name: 'b', args: ['1'] }, { name: 'c', image: 'z' }), 'you')
  assert.deepEqual(applied(other, pod({ name: 'a', image: 'x2' }), 'me')['spec'], {
    containers: [
      { name: 'a', image: 'x2', imagePullPolicy: 'Always' },
      { name: 'b', args: ['1'] },
      { name: 'c', image: 'z' },
    ],
  })
  assert.deepEqual(applied(first, pod({ name: 'b', image: 'y' }), 'me')['spec'], {
    containers: [{ name: 'b', image: 'y' }],
  })
  assert.throws(() => applied(first, pod({ name: 'a', image: 'q' }), 'you'), {
    message: 'Apply failed with 1 conflict: conflict with "me": .spec.containers[name="a"].image',
  })
})

test('managed fields from elsewhere cannot do harm', () => {
  const hostile = [
    {
      manager: 'me',
      operation: 'Apply',
      fieldsV1: {
        'f:spec': { '.': {}, 'f:containers': { 'k:{': {}, 'v:': {}, x: {}, 'k:{"name":"a"}': { '.': {} } } },
      },
    },
    { manager: 'you', operation: 'Apply', fieldsV1: 'no' },
    { manager: 'me', operation: 'Apply', fieldsV1: { 'f:metadata': {} } },
  ]
  const live = {
    ...pod({ name: 'a', image: 'x' }),
    metadata: { name: 'p', managedFields: hostile },
  } as unknown as AnyObject
  assert.deepEqual(applied(live, pod({ name: 'a', image: 'y' }), 'me')['spec'], {
    containers: [{ name: 'a', image: 'y' }],
  })
})

const names = fc.constantFrom('a', 'b', 'c')
const containers = fc.uniqueArray(
  fc.record({ name: names, image: names, args: fc.array(names, { maxLength: 2 }) }, { requiredKeys: ['name'] }),
  { maxLength: 3, selector: (one) => one.name },
)

test('after an apply the object says what was applied, and applying it again changes nothing', () => {
  fc.assert(
    fc.property(containers, containers, containers, (first, second, third) => {
      let live = firstApply(pod(...first), 'Pod', as('me'))
      live = applied(live, pod(...second), 'you', true)
      live = applied(live, pod(...third), 'me', true)
      const wanted = fieldSetOf({ spec: pod(...third)['spec'] }, { is: 'object', name: 'Pod' })
      // An empty list says nothing about the items that others have in it.
      for (const path of leavesOf(wanted))
        if (path.length > 2) assert.deepEqual(valueAt(live, path), valueAt(pod(...third), path))
      assert.deepEqual(applied(live, pod(...third), 'me'), live)
    }),
  )
})

test('sets of fields divide into what is common and what is not', () => {
  const of = (list: object[]): FieldSet => fieldSetOf(pod(...list), { is: 'object', name: 'Pod' })
  fc.assert(
    fc.property(containers, containers, (left, right) => {
      const [a, b] = [of(left), of(right)]
      for (const path of leavesOf(common(a, b)))
        assert.ok(valueAt(pod(...left), path) !== undefined && valueAt(pod(...right), path) !== undefined)
      for (const path of leavesOf(without(a, b))) assert.ok(below(b, path) === undefined)
      assert.deepEqual(without(a, a), {})
      assert.deepEqual(common(a, a), a)
    }),
  )
})
