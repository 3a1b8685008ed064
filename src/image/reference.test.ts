import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { familiar, imageName, placeOf } from './reference.ts'

const digest = `sha256:${'a'.repeat(64)}`

test('a name is put in full as Docker does', () => {
  const table: [string, string][] = [
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest'],
    ['me/web', 'docker.io/me/web:latest'],
    ['a/b/c', 'docker.io/a/b/c:latest'],
    ['localhost/web', 'localhost/web:latest'],
    ['localhost:5000/web', 'localhost:5000/web:latest'],
    ['ghcr.io/me/web:v1.2_3-x', 'ghcr.io/me/web:v1.2_3-x'],
    ['[::1]:5000/web', '[::1]:5000/web:latest'],
    ['a__b-----c.d', 'docker.io/library/a__b-----c.d:latest'],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`],
    [`busybox:1@${digest}`, `docker.io/library/busybox@${digest}`],
  ]
  for (const [text, full] of table) assert.equal(imageName(text), full, text)
})

test('what is no name is none', () => {
  const table = [
    '',
    ':',
    ':tag',
    'a:',
    'a:.b',
    'A',
    'me/A',
    'a//b',
    '/a',
    'a/',
    'a..b',
    'a_',
    '-a',
    'a b',
    'a@b',
    '../a',
    'a.b:x/y',
  ]
  for (const text of [
    ...table,
    'a'.repeat(64),
    `a@${digest}@${digest}`,
    `a:${'t'.repeat(129)}`,
    'a/'.repeat(128) + 'a',
  ])
    assert.equal(imageName(text), undefined, text)
})

test('a name is shown as people write it, and means the same again', () => {
  for (const text of ['busybox:latest', 'me/web:1', 'ghcr.io/me/web:1', 'localhost:5000/web:2', `busybox@${digest}`]) {
    assert.equal(familiar(imageName(text) ?? ''), text)
    assert.equal(imageName(familiar(imageName(text) ?? '')), imageName(text))
  }
})

const text = (alphabet: string, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength: 1, maxLength })
const part = fc
  .array(text('az09', 3), { minLength: 1, maxLength: 3 })
  .chain((words) => fc.constantFrom('.', '_', '__', '-', '---').map((separator) => words.join(separator)))
const registry = fc.oneof(
  fc.constantFrom('localhost', 'docker.io', '[::1]:5000', 'localhost:80'),
  fc
    .tuple(
      part.map((word) => word.replaceAll('_', '-')),
      fc.constantFrom('.example', '.Example:5000'),
    )
    .map((both) => both.join('')),
)
const places = fc.record(
  {
    registry,
    path: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
    reference: fc.oneof(
      text('aZ0_', 1).chain((first) => text('aZ0_.-', 9).map((rest) => first + rest)),
      fc.constant(digest),
    ),
  },
  { noNullPrototype: true },
)

test('a name that is put together has the same parts again, and so has its short form', () => {
  fc.assert(
    fc.property(places, ({ registry, path, reference }) => {
      const name = imageName(`${registry}/${path}${reference === digest ? '@' : ':'}${reference}`)
      const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path
      assert.deepEqual(name && placeOf(name), { registry, repository, reference })
      assert.equal(imageName(name ?? ''), name)
      assert.equal(imageName(familiar(name ?? '')), name)
    }),
  )
})

test('any text is a name or none, and what is one stays the same', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), text('aA0.:/@_-[]', 30), text('a.-', 5000)), (given) => {
      const name = imageName(given)
      if (name !== undefined) assert.equal(imageName(name), name)
    }),
  )
})
