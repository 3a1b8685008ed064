import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../api/client/http.ts'
import { testApi } from '../api/testing.ts'
import type { AnyObject } from '../api/json.ts'
import { service, slice } from './findings/testing.ts'
import { diagnose } from './diagnose.ts'
import { lookAt } from './look.ts'

test('a cluster is looked at over HTTPS, and lists that a server writes as null are empty', async () => {
  await using cluster = await testApi()
  const { store } = cluster.api.registry
  store.put('Service', service('web') as unknown as AnyObject)
  store.put('EndpointSlice', { ...slice('web', []), endpoints: null, ports: null })
  using client = connected(cluster.as('reader'))
  const { cluster: objects, untold, namespaces, ...rest } = await lookAt(client.client, 'cluster.local')
  assert.deepEqual(untold, [])
  assert.ok(namespaces.some(({ metadata }) => metadata.name === 'kube-system'))
  assert.deepEqual(
    objects.slices.map(({ endpoints }) => endpoints),
    [[]],
  )
  const found = diagnose({ cluster: objects, ...rest, machines: [], now: Date.now() })
  assert.deepEqual(
    found.map(({ code, object }) => `${code} ${object.name}`),
    ['SelectorMatchesNothing web'],
  )
})

test('without services there is nothing to say, so that is an error; other kinds may be hidden', async () => {
  await using cluster = await testApi()
  const { server, ca } = cluster.as('nobody')
  using nobody = connected({ server, ...(ca !== undefined && { ca }) })
  await assert.rejects(lookAt(nobody.client, 'cluster.local'), { name: 'ApiError' })
})

function connected(connection: Parameters<typeof connect>[0]): Disposable & { client: ReturnType<typeof connect> } {
  const client = connect(connection)
  return { client, [Symbol.dispose]: () => client.close() }
}
