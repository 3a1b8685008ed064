// Lists, page by page and in any form.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askServer, maps } from './testing.ts'

const { call, events } = askServer()

test('pages of a list show it as it was at the first one', async () => {
  const path = '/api/v1/namespaces/kube-public/configmaps'
  for (const name of ['a', 'b', 'c', 'd', 'e']) await call(path, { method: 'POST', body: { metadata: { name } } })
  const first = (await call(`${path}?limit=2`)).json
  assert.deepEqual([first.items.length, first.metadata.remainingItemCount], [2, 3])
  await call(`${path}/c`, { method: 'DELETE' })
  const names: string[] = first.items.map((one: { metadata: { name: string } }) => one.metadata.name)
  for (let next = first.metadata.continue; next; ) {
    const { json } = await call(`${path}?limit=2&continue=${next}`)
    assert.equal(json.metadata.resourceVersion, first.metadata.resourceVersion)
    names.push(...json.items.map((one: { metadata: { name: string } }) => one.metadata.name))
    next = json.metadata.continue
  }
  assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e'])
  assert.equal((await call(`${path}?limit=2&continue=bm8`)).code, 400)
  const forgotten = Buffer.from('{"id":"x","at":2}').toString('base64url')
  assert.equal((await call(`${path}?limit=2&continue=${forgotten}`)).code, 410)
  const { json } = await call(path, { method: 'DELETE' })
  assert.equal(json.items.length, 4)
  assert.equal((await call(path)).json.items.length, 0)
})

test('resource versions: any, not older than, exactly', async () => {
  const now = Number((await call(maps)).json.metadata.resourceVersion)
  const rows: [string, number][] = [
    ['resourceVersion=0', 200],
    [`resourceVersion=${now}`, 200],
    ['resourceVersion=1', 200],
    [`resourceVersion=${now}&resourceVersionMatch=Exact`, 200],
    ['resourceVersion=1&resourceVersionMatch=Exact', 410],
    [`resourceVersion=${now + 1000}`, 504],
    ['resourceVersionMatch=Exact', 400],
    [`resourceVersion=${now}&resourceVersionMatch=Roughly`, 400],
    ['resourceVersion=abc', 400],
  ]
  for (const [query, code] of rows) assert.equal((await call(`${maps}?${query}`)).code, code, query)
})

test('tables, metadata and whole objects are different forms of the same', async () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
  const { json } = await call('/api/v1/namespaces', { headers: { accept: table } })
  assert.deepEqual(
    json.columnDefinitions.map((one: { name: string }) => one.name),
    ['Name', 'Status', 'Age'],
  )
  assert.deepEqual(json.rows[0].cells.slice(0, 2), ['default', 'Active'])
  assert.equal(json.rows[0].object.kind, 'PartialObjectMetadata')
  const one = await call('/api/v1/namespaces/default?includeObject=Object', { headers: { accept: table } })
  assert.equal(one.json.rows[0].object.kind, 'Namespace')
  const [first, second] = await events('/api/v1/namespaces?watch=true', 2, { accept: table })
  assert.equal(first?.object.columnDefinitions.length, 3)
  assert.equal(second?.object.columnDefinitions, null)
  const metadata = await call('/api/v1/namespaces', {
    headers: { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' },
  })
  assert.deepEqual(
    [metadata.json.kind, metadata.json.items[0].kind, metadata.json.items[0].status],
    ['PartialObjectMetadataList', 'PartialObjectMetadata', undefined],
  )
})
