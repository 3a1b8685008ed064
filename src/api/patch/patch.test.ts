import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { clone, equal } from '../json.ts'
import { jsonPatch } from './json-patch.ts'
import { mergePatch } from './merge.ts'
import { strategicPatch } from './strategic.ts'

const json = fc.jsonValue({ maxDepth: 3 })
const record = fc.dictionary(fc.string({ maxLength: 3 }), json, { noNullPrototype: true })

test('merge patches do what RFC 7386 shows', () => {
  const rows: [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  for (const [target, patch, expected] of rows) assert.deepEqual(mergePatch(clone(target), patch), expected)
})

test('a merge patch applied twice does what it does once', () => {
  fc.assert(
    fc.property(record, record, (target, patch) => {
      const once = mergePatch(clone(target), clone(patch))
      assert.ok(equal(mergePatch(clone(once), clone(patch)), once))
    }),
  )
})

test('a patch cannot reach the prototype of objects', () => {
  mergePatch({}, JSON.parse('{"__proto__":{"polluted":1}}'))
  mergePatch({}, JSON.parse('{"constructor":{"prototype":{"polluted":1}}}'))
  jsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: 1 } }])
  assert.throws(() => jsonPatch({}, [{ op: 'add', path: '/constructor/prototype/polluted', value: 1 }]), { code: 400 })
  assert.equal(({} as { polluted?: number }).polluted, undefined)
})

test('JSON patches do what RFC 6902 shows', () => {
  const rows: [unknown, object[], unknown][] = [
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
    [{ foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc'] }], { foo: ['bar', ['abc']] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    [{ foo: ['a', 'b', 'c'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['a', 'c'] }],
    [{ baz: 'qux' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo' }],
    [{ a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/d' }], { a: {}, c: { d: 1 } }],
    [
      { foo: ['all', 'grass', 'cows', 'eat'] },
      [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      { foo: ['all', 'cows', 'eat', 'grass'] },
    ],
    [
      { a: [1] },
      [
        { op: 'copy', from: '/a', path: '/b' },
        { op: 'add', path: '/b/-', value: 2 },
      ],
      { a: [1], b: [1, 2] },
    ],
    [
      { '/': 9, '~1': 10 },
      [
        { op: 'test', path: '/~01', value: 10 },
        { op: 'test', path: '/~1', value: 9 },
      ],
      { '/': 9, '~1': 10 },
    ],
    [{ a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
  ]
  for (const [target, patch, expected] of rows) assert.deepEqual(jsonPatch(clone(target), patch), expected)
})

test('a JSON patch that does not fit is refused with the operation that did not', () => {
  const rows: [unknown, RegExp][] = [
    [{}, /a JSON patch is a list/],
    [[{ op: 'test', path: '/a', value: 2 }], /operation 0 of the JSON patch: test failed/],
    [[{ op: 'add', path: '/x/y', value: 1 }], /nothing is at \/x/],
    [[{ op: 'add', path: '/l/7', value: 1 }], /"7" is no place in a list/],
    [[{ op: 'add', path: '/l/01', value: 1 }], /"01" is no place/],
    [[{ op: 'remove', path: '/x' }], /nothing is at \/x/],
    [[{ op: 'add', path: 'x', value: 1 }], /no JSON pointer/],
    [[{ op: 'move', from: '/o', path: '/o/x' }], /cannot move into itself/],
    [[{ op: 'fly', path: '/a' }], /there is no operation "fly"/],
    [[{ op: 'add', path: '/a' }], /add needs a value/],
    [[null], /it needs op and path/],
  ]
  for (const [patch, message] of rows)
    assert.throws(() => jsonPatch({ a: 1, l: [1], o: {} }, patch), { code: 400, message })
})

const pod = {
  metadata: { finalizers: ['a'] },
  spec: {
    containers: [
      {
        name: 'web',
        image: 'x',
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
        ports: [{ containerPort: 80, protocol: 'TCP' }],
      },
      { name: 'log', image: 'y', args: ['1', '2'] },
    ],
    volumes: [{ name: 'v', emptyDir: {} }],
    tolerations: [{ key: 'a' }],
  },
}

test('a strategic merge patch merges lists by their keys, and replaces those without', () => {
  const patched = strategicPatch(
    clone(pod),
    {
      metadata: { finalizers: ['a', 'b'] },
      spec: {
        containers: [
          { name: 'log', args: ['3'] },
          {
            name: 'web',
            env: [
              { name: 'B', value: '3' },
              { name: 'C', value: '4' },
            ],
          },
          { name: 'new', image: 'z' },
        ],
        tolerations: [{ key: 'b' }],
      },
    },
    'Pod',
  )
  assert.deepEqual(patched, {
    metadata: { finalizers: ['a', 'b'] },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'x',
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '3' },
            { name: 'C', value: '4' },
          ],
          ports: [{ containerPort: 80, protocol: 'TCP' }],
        },
        { name: 'log', image: 'y', args: ['3'] },
        { name: 'new', image: 'z' },
      ],
      volumes: [{ name: 'v', emptyDir: {} }],
      tolerations: [{ key: 'b' }],
    },
  })
})

test('the directives of strategic merge patches are obeyed', () => {
  const { spec } = strategicPatch(
    clone(pod),
    {
      spec: {
        $retainKeys: ['containers', 'volumes'],
        '$setElementOrder/containers': [{ name: 'log' }, { name: 'web' }],
        containers: [
          {
            name: 'web',
            env: [{ name: 'A', $patch: 'delete' }],
            ports: [{ $patch: 'replace' }, { containerPort: 90 }],
          },
        ],
        volumes: [{ name: 'v', $retainKeys: ['name', 'configMap'], configMap: { name: 'm' } }],
      },
    },
    'Pod',
  ) as { spec: object }
  assert.deepEqual(spec, {
    containers: [
      { name: 'log', image: 'y', args: ['1', '2'] },
      { name: 'web', image: 'x', env: [{ name: 'B', value: '2' }], ports: [{ containerPort: 90 }] },
    ],
    volumes: [{ name: 'v', configMap: { name: 'm' } }],
  })
  const { metadata } = strategicPatch(
    clone(pod),
    { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } },
    'Pod',
  ) as { metadata: object }
  assert.deepEqual(metadata, { finalizers: [] })
  assert.throws(() => strategicPatch(clone(pod), { spec: { containers: [{ image: 'x' }] } }, 'Pod'), {
    code: 400,
    message: /needs "name"/,
  })
  assert.throws(() => strategicPatch(clone(pod), { spec: { $patch: 'burn' } }, 'Pod'), { code: 400 })
})

test('two ports of one number stay two', () => {
  const service = {
    spec: {
      ports: [
        { port: 53, protocol: 'UDP', name: 'a' },
        { port: 53, protocol: 'TCP', name: 'b' },
      ],
    },
  }
  const patch = {
    spec: {
      ports: [
        { port: 53, protocol: 'TCP', targetPort: 5353 },
        { port: 53, protocol: 'UDP', targetPort: 5353 },
      ],
    },
  }
  assert.deepEqual(strategicPatch(clone(service), patch, 'Service'), {
    spec: {
      ports: [
        { port: 53, protocol: 'UDP', name: 'a', targetPort: 5353 },
        { port: 53, protocol: 'TCP', name: 'b', targetPort: 5353 },
      ],
    },
  })
})

test('a strategic merge patch never leaves a directive or a null behind', () => {
  const directive = fc.constantFrom<[string, unknown]>(
    ['$patch', 'merge'],
    ['$retainKeys', ['a']],
    ['$setElementOrder/args', ['1']],
  )
  fc.assert(
    fc.property(record, fc.array(directive, { maxLength: 2 }), (fields, directives) => {
      const container = { name: 'web', ...Object.fromEntries(directives), lifecycle: fields }
      const text = JSON.stringify(strategicPatch(clone(pod), { spec: { containers: [container] } }, 'Pod'))
      assert.doesNotMatch(text, /"\$(patch|retainKeys|setElementOrder)/)
    }),
  )
})
