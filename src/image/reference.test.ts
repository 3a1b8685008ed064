import assert from 'node:assert/strict'
import { test } from 'node:test'
import { familiar, imageName } from './reference.ts'

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
