import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { newAuthority } from '../api/certificates/authority.ts'
import { makeServerCertificate } from '../api/certificates/certificates.ts'
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

test('what a server does not let one list is said, and the rest is looked at', async () => {
  const lists = (request: IncomingMessage, response: ServerResponse): void => {
    const hidden = request.url?.includes('/networkpolicies') === true
    const missing = request.url?.includes('/deployments') === true
    response.writeHead(hidden ? 403 : missing ? 404 : 200, { 'content-type': 'application/json' })
    const message = 'networkpolicies is forbidden: User "reader" cannot list resource "networkpolicies"'
    response.end(
      JSON.stringify(
        hidden
          ? { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', message, code: 403 }
          : missing
            ? {
                kind: 'Status',
                apiVersion: 'v1',
                status: 'Failure',
                reason: 'NotFound',
                message: 'not found',
                code: 404,
              }
            : { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] },
      ),
    )
  }
  const authority = newAuthority()
  const server = createServer(makeServerCertificate(authority, { name: 'api' }, ['127.0.0.1']), lists).listen(
    0,
    '127.0.0.1',
  )
  try {
    await once(server, 'listening')
    using client = connected({
      server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ca: authority.cert,
    })
    const { untold, policies } = await lookAt(client.client, 'cluster.local')
    assert.deepEqual(policies, [])
    // A server without deployments hides none.
    assert.equal(untold.length, 1)
    assert.match(untold[0] ?? '', /^networkpolicies\S* could not be listed: .*cannot list resource "networkpolicies"/)
  } finally {
    server.close()
    server.closeAllConnections()
  }
})

function connected(connection: Parameters<typeof connect>[0]): Disposable & { client: ReturnType<typeof connect> } {
  const client = connect(connection)
  return { client, [Symbol.dispose]: () => client.close() }
}
