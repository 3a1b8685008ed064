import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { askServer } from './testing.ts'

const { call, cluster, events, open } = askServer()

test('a watch tells what is there, then what changes', async () => {
  const path = '/api/v1/namespaces/kube-node-lease/configmaps'
  await call(path, { method: 'POST', body: { metadata: { name: 'w', labels: { a: 'b' } } } })
  const seen = events(`${path}?watch=true&labelSelector=a%3Db`, 4)
  const stream = events(`${path}?watch=1&fieldSelector=metadata.name%3Dw`, 4)
  await watched(2)
  await call(`${path}/w`, {
    method: 'PATCH',
    body: { data: { x: '1' } },
    headers: { 'content-type': 'application/merge-patch+json' },
  })
  await call(`${path}/w`, {
    method: 'PATCH',
    body: { metadata: { labels: { a: null } } },
    headers: { 'content-type': 'application/merge-patch+json' },
  })
  await call(`${path}/w`, {
    method: 'PATCH',
    body: [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }],
    headers: { 'content-type': 'application/json-patch+json' },
  })
  assert.deepEqual(
    (await seen).map((one) => one.type),
    ['ADDED', 'MODIFIED', 'DELETED', 'ADDED'],
  )
  assert.deepEqual(
    (await stream).map((one) => one.type),
    ['ADDED', 'MODIFIED', 'MODIFIED', 'MODIFIED'],
  )
})

/** So many watches of config maps are on. */
async function watched(times: number): Promise<void> {
  const late = Date.now() + 20_000
  for (; cluster().api.registry.store.watching('ConfigMap') !== times; await pause(5))
    assert.ok(Date.now() < late, `${cluster().api.registry.store.watching('ConfigMap')} watches, not ${times}`)
}

test('a watch list ends its first part with a bookmark that says so', async () => {
  const query =
    'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion='
  const seen = await events(`/api/v1/namespaces?${query}`, 5)
  assert.deepEqual(
    seen.map((one) => one.type),
    ['ADDED', 'ADDED', 'ADDED', 'ADDED', 'BOOKMARK'],
  )
  assert.deepEqual(seen[4]?.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' })
  assert.equal(seen[4]?.object.kind, 'Namespace')
  const wrong = await call('/api/v1/namespaces?watch=true&sendInitialEvents=true&allowWatchBookmarks=true')
  assert.deepEqual([wrong.code, wrong.json.reason], [422, 'Invalid'])
})

test('a watch from a forgotten or future revision says that it must list again', async () => {
  for (let i = 0; i < 5000; i++)
    cluster().api.registry.store.put('Lease', {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l', namespace: 'default' },
    })
  const [old] = await events('/apis/coordination.k8s.io/v1/leases?watch=true&resourceVersion=1', 1)
  assert.deepEqual([old?.type, old?.object.code, old?.object.reason], ['ERROR', 410, 'Expired'])
  const future = await call('/api/v1/namespaces?watch=true&resourceVersion=99999999')
  assert.deepEqual([future.code, future.json.reason], [410, 'Expired'])
})

test('a watch ends when its time is over', async () => {
  const began = Date.now()
  assert.equal((await call('/api/v1/nodes?watch=true&timeoutSeconds=1')).code, 200)
  assert.ok(Date.now() - began < 5000)
})

test('a watch whose client does not read ends in peace, whatever happens afterwards', async () => {
  const make = async (name: string, size: number): Promise<void> => {
    const body = { metadata: { name }, data: { text: 'x'.repeat(size) } }
    assert.equal((await call('/api/v1/namespaces/default/configmaps', { method: 'POST', body })).code, 201)
  }
  const watch = await open('/api/v1/configmaps?watch=true&timeoutSeconds=1')
  watch.pause()
  // More than sockets hold: its end stays unsaid.
  for (let i = 0; i < 12; i++) await make(`large-${i}`, 900_000)
  // Its time is over.
  await watched(0)
  await make('after', 1)
  assert.equal((await call('/api/v1/namespaces/default/configmaps/after')).code, 200)
  watch.destroy()
})
