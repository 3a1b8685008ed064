import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AnyObject } from '../json.ts'
import { openSqlite } from './sqlite.ts'
import { Store, type StoreEvent } from './store.ts'

function config(name: string, data: Record<string, string> = {}): AnyObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data }
}

test('every change has the next revision, and a watcher sees each once, in order', () => {
  const store = new Store()
  store.put('ConfigMap', config('a'))
  const seen: string[] = []
  const push = (event: StoreEvent): void =>
    void seen.push(`${event.type} ${event.object.metadata.name} ${event.revision}`)
  const stop = store.watch('ConfigMap', push, 0)
  const b = store.put('ConfigMap', config('b'))
  store.put('ConfigMap', config('b', { x: '1' }))
  store.put('Secret', config('other kind'))
  store.remove('ConfigMap', b)
  stop()
  store.put('ConfigMap', config('c'))
  assert.deepEqual(seen, ['added a 1', 'added b 2', 'modified b 3', 'deleted b 5'])
  assert.equal(store.revision, 6)
})

test('stored objects cannot be changed', () => {
  const stored = new Store().put('ConfigMap', config('a', { x: '1' }))
  assert.throws(() => {
    ;(stored['data'] as Record<string, string>)['x'] = '2'
  }, TypeError)
})

test('a watcher that missed more than the window is told to list again', () => {
  const store = new Store({ window: 4 })
  for (let i = 0; i < 20; i++) store.put('ConfigMap', config(`c${i}`))
  assert.throws(() => store.watch('ConfigMap', () => {}, 1), { code: 410, reason: 'Expired' })
  const seen: number[] = []
  store.watch('ConfigMap', (event) => seen.push(event.revision), 17)
  assert.deepEqual(seen, [18, 19, 20])
  // Another kind's changes do not push out this one's.
  store.watch('Secret', () => assert.fail('nothing happened to secrets'), 1)
})

test('a list is ordered by namespace and name', () => {
  const store = new Store()
  for (const name of ['b', 'a', 'c']) store.put('ConfigMap', config(name))
  assert.deepEqual(
    store.list('ConfigMap').map((one) => one.metadata.name),
    ['a', 'b', 'c'],
  )
})

test('a reopened store has every object, goes on counting after removals, and refuses watches from before', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kubehop-store-'))
  try {
    const path = join(dir, 'state.db')
    const first = new Store({ persistence: await openSqlite(path) })
    first.put('ConfigMap', config('kept', { x: '1' }))
    first.put('ConfigMap', config('kept', { x: '2' }))
    first.remove('ConfigMap', first.put('ConfigMap', config('gone')))
    await assert.rejects(openSqlite(path), /state\.db: database is locked/)
    first.close()
    assert.equal(statSync(path).mode & 0o777, 0o600)

    const second = new Store({ persistence: await openSqlite(path) })
    assert.equal(second.revision, 4)
    assert.deepEqual(second.list('ConfigMap'), [
      { ...config('kept', { x: '2' }), metadata: { name: 'kept', namespace: 'default', resourceVersion: '2' } },
    ])
    assert.throws(() => second.watch('ConfigMap', () => {}, 3), { code: 410 })
    second.watch('ConfigMap', () => {}, 4)
    assert.equal(second.put('ConfigMap', config('next')).metadata.resourceVersion, '5')
    second.close()
  } finally {
    rmSync(dir, { recursive: true })
  }
})
