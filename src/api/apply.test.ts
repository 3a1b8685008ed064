import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apply, lastApplied, threeWay } from './apply.ts'
import type { Client } from './client/client.ts'
import { localClient } from './client/local.ts'
import type { KubeObject } from './objects/meta.ts'
import { bootstrap } from './registry/bootstrap.ts'
import { Registry } from './registry/registry.ts'
import { Store } from './store/store.ts'

function cluster(): Client {
  const registry = new Registry({ store: new Store(), serviceCidr: '100.64.0.0/13' })
  bootstrap(registry)
  return localClient({ registry })
}

function deployment(
  replicas: number | undefined,
  env: object[] | undefined,
  labels: Record<string, string> = {},
): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels },
    spec: {
      ...(replicas !== undefined && { replicas }),
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'a', image: 'host', ...(env && { env }) }] },
      },
    },
  } as KubeObject
}

test('the first apply creates, the same again changes nothing, another one configures', async () => {
  const client = cluster()
  assert.equal(await apply(client, deployment(2, [{ name: 'A', value: '1' }])), 'created')
  assert.equal(await apply(client, deployment(2, [{ name: 'A', value: '1' }])), 'unchanged')
  assert.equal(await apply(client, deployment(3, [{ name: 'A', value: '1' }])), 'configured')
  assert.equal((await client.get('Deployment', 'web', 'default'))?.spec.replicas, 3)
})

test('what was applied and is no longer in the manifest goes; what others set stays', async () => {
  const client = cluster()
  await apply(client, deployment(2, [{ name: 'A', value: '1' }], { mine: '1', kept: '1' }))
  await client.patch('Deployment', 'web', 'default', { metadata: { labels: { theirs: '1' } }, spec: { replicas: 5 } })
  assert.equal(await apply(client, deployment(undefined, undefined, { kept: '1' })), 'configured')
  const now = await client.get('Deployment', 'web', 'default')
  assert.deepEqual(now?.metadata.labels, { kept: '1', theirs: '1' })
  assert.equal(now?.spec.template.spec.containers[0]?.env, undefined)
  // Replicas were applied once and are not said any more: back to the default.
  assert.equal(now?.spec.replicas, 1)
})

test('a service keeps its address when it is applied again', async () => {
  const client = cluster()
  const service = (port: number): KubeObject =>
    ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: {
        type: 'NodePort',
        ports: [
          { port, name: 'a' },
          { port: 443, name: 'b' },
        ],
      },
    }) as KubeObject
  await apply(client, service(80))
  const before = await client.get('Service', 'web', 'default')
  assert.equal(await apply(client, service(81)), 'configured')
  const after = await client.get('Service', 'web', 'default')
  assert.equal(after?.spec.clusterIP, before?.spec.clusterIP)
  assert.equal(after?.spec.ports?.[1]?.nodePort, before?.spec.ports?.[1]?.nodePort)
  assert.equal(after?.spec.ports?.[0]?.port, 81)
})

test('what was applied is remembered byte for byte as kubectl writes it', async () => {
  const client = cluster()
  const map = { kind: 'ConfigMap', metadata: { name: 'a' }, data: { b: '<&>', a: '1' }, apiVersion: 'v1' } as KubeObject
  await apply(client, map)
  assert.equal(
    (await client.get('ConfigMap', 'a', 'default'))?.metadata.annotations?.[lastApplied],
    `${String.raw`{"apiVersion":"v1","data":{"a":"1","b":"\u003c\u0026\u003e"},"kind":"ConfigMap","metadata":{"annotations":{},"name":"a","namespace":"default"}}`}\n`,
  )
})

test('a three-way patch is empty when the live object says all that is wanted', () => {
  const wanted = { spec: { list: [{ name: 'a' }], n: 1 } }
  assert.deepEqual(
    threeWay(wanted, wanted, { spec: { list: [{ name: 'a', filled: true }], n: 1, more: 1 }, status: {} }),
    {},
  )
  assert.deepEqual(
    threeWay({ spec: { gone: 1, list: [{ name: 'a', x: 1 }] } }, wanted, {
      spec: { gone: 1, n: 2, list: [{ name: 'a', x: 1 }] },
    }),
    {
      spec: { gone: null, n: 1, list: [{ name: 'a' }] },
    },
  )
})
