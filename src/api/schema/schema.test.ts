import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { clone } from '../json.ts'
import { allResources } from '../resources.ts'
import { decode } from './decode.ts'
import { fieldsOf, typeNames } from './types.ts'
import { says } from './says.ts'

test('every type of the table can be read, and every type it names is there', () => {
  for (const name of typeNames())
    for (const field of fieldsOf(name).values()) {
      let { type } = field
      while (type.is === 'list' || type.is === 'map') type = type.of
      if (type.is === 'object') assert.ok(fieldsOf(type.name).size >= 0, `${name}.${field.name}`)
    }
  for (const { kind } of allResources) assert.ok(fieldsOf(kind).has('metadata'), kind)
})

test('what fits stays as it is; nulls and unknown fields go; numbers become quantities', () => {
  const pod = {
    metadata: { name: 'a', creationTimestamp: null, labels: { a: null } },
    spec: { containers: [{ name: 'c', resources: { limits: { cpu: 1, memory: '64Mi' } }, imgae: 'x' }], replicas: 1 },
  }
  const { unknown, wrong } = decode(pod, 'Pod')
  assert.deepEqual(
    unknown.map((one) => one.path),
    ['spec.containers[0].imgae', 'spec.replicas'],
  )
  assert.deepEqual(wrong, [])
  assert.deepEqual(pod, {
    metadata: { name: 'a', labels: { a: '' } },
    spec: { containers: [{ name: 'c', resources: { limits: { cpu: '1', memory: '64Mi' } } }] },
  })
})

test('each plain type takes its own values only', () => {
  const rows: [string, Record<string, unknown>, string | undefined][] = [
    ['Container', { tty: 'yes' }, 'tty: expected true or false, not "yes"'],
    ['ServicePort', { port: 1.5 }, 'port: expected an integer, not 1.5'],
    ['ServicePort', { port: 2 ** 31 }, 'port: expected an integer, not 2147483648'],
    ['ServicePort', { targetPort: 'http' }, undefined],
    ['ServicePort', { targetPort: true }, 'targetPort: expected an integer or text, not true'],
    ['ObjectMeta', { generation: 2 ** 40 }, undefined],
    [
      'ObjectMeta',
      { deletionTimestamp: 'soon' },
      'deletionTimestamp: expected a time such as 2026-01-31T12:00:00Z, not "soon"',
    ],
    ['LeaseSpec', { renewTime: '2026-01-31T12:00:00.123456Z' }, undefined],
    ['Secret', { data: { a: 'YQ==' } }, undefined],
    ['Secret', { data: { a: '%' } }, 'data.a: expected text in base64, not "%"'],
    ['ResourceRequirements', { limits: { cpu: '1.5', memory: '1e3', x: '-5Gi' } }, undefined],
    [
      'ResourceRequirements',
      { limits: { cpu: 'much' } },
      'limits.cpu: expected a quantity such as 500m, 2 or 64Mi, not "much"',
    ],
    ['Container', { args: 'x' }, 'args: expected a list, not "x"'],
    ['ObjectMeta', { labels: ['x'] }, 'labels: expected a map, not ["x"]'],
    ['Pod', { spec: [] }, 'spec: expected an object, not []'],
  ]
  for (const [type, value, expected] of rows) {
    const { wrong } = decode(clone(value), type)
    assert.deepEqual(
      wrong.map(({ path, say }) => `${path}: ${say}`),
      expected === undefined ? [] : [expected],
    )
  }
})

test('anything at all can be decoded without harm, and twice is as once', () => {
  const names = fc.constantFrom('metadata', 'spec', 'containers', 'name', 'labels', 'ports', 'port', '__proto__', 'x')
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constant(null),
      fc.integer(),
      fc.string(),
      fc.array(tie('value')),
      fc.dictionary(names, tie('value'), { noNullPrototype: true }),
    ),
  }))
  fc.assert(
    fc.property(fc.dictionary(names, value, { noNullPrototype: true }), (object) => {
      const once = clone(object)
      const { wrong } = decode(once, 'Pod')
      const twice = clone(once)
      const again = decode(twice, 'Pod')
      assert.deepEqual(again.unknown, [])
      assert.deepEqual(again.wrong, wrong)
      assert.deepEqual(twice, once)
    }),
  )
})

test('what is said about fields is said about fields that exist', () => {
  for (const key of Object.keys(says)) {
    const [type = '', field] = key.split('.')
    const fields = fieldsOf(type)
    assert.ok(field === undefined ? fields.size > 0 : fields.has(field), key)
  }
})
