import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { podPaths } from './paths.ts'

const uid = 'b1f7c1d2-0000-4000-8000-000000000000'

test('the longest names still make names of files', () => {
  const { logs } = podPaths('/state', { namespace: 'n'.repeat(63), name: 'p'.repeat(253), uid })
  assert.ok(basename(logs).length <= 255)
  assert.ok(basename(logs).endsWith(uid))
})

test('what is no name cannot become part of a path', () => {
  for (const bad of ['..', '.', '', 'a/b', '../../etc', 'a\0b', '-x']) {
    assert.throws(() => podPaths('/state', { namespace: 'n', name: 'p', uid: bad }), { code: 'Invalid' }, bad)
    assert.throws(() => podPaths('/state', { namespace: 'n', name: bad, uid }), { code: 'Invalid' }, bad)
    assert.throws(() => podPaths('/state', { namespace: 'n', name: 'p', uid }).container(bad), { code: 'Invalid' }, bad)
  }
})
