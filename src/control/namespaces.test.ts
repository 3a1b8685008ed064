import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agents, cluster } from './testing.ts'

test('a namespace is furnished, and gets its furniture back', async (t) => {
  const { client, until } = await cluster(t, { ca: 'certificate' })
  await client.create('Namespace', { metadata: { name: 'shop' } })
  const inShop = { accounts: 'ServiceAccount', maps: 'ConfigMap' } as const
  const there = (all: { metadata: { namespace?: string; name: string } }[], name: string): boolean =>
    all.some(({ metadata }) => metadata.namespace === 'shop' && metadata.name === name)
  await until(inShop.accounts, (all) => there(all, 'default'))
  await until(inShop.maps, (all) => there(all, 'kube-root-ca.crt'))
  await client.delete('ServiceAccount', 'default', 'shop')
  await until(inShop.accounts, (all) => there(all, 'default'))
  await client.patch('ConfigMap', 'kube-root-ca.crt', 'shop', { data: { 'ca.crt': 'forged', more: 'x' } })
  const maps = await until('ConfigMap', (all) =>
    all.some(({ metadata, data }) => metadata.namespace === 'shop' && data?.['ca.crt'] === 'certificate'),
  )
  assert.deepEqual(maps.find(({ metadata }) => metadata.namespace === 'shop')?.data, { 'ca.crt': 'certificate' })
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    assert.ok(await client.get('ServiceAccount', 'default', name), name)
})

test('a deleted namespace is emptied first, whatever keeps making things in it, and then goes', async (t) => {
  const { client, until, node, all } = await cluster(t)
  agents(client)
  await node('node1')
  await client.create('Namespace', { metadata: { name: 'shop' } })
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'host' }] } }
  const meta = { name: 'web', namespace: 'shop' }
  await client.create('Deployment', {
    metadata: meta,
    spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template },
  })
  await client.create('Service', { metadata: meta, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } })
  await client.create('Secret', { metadata: meta, stringData: { a: 'b' } })
  await until('Pod', (pods) => pods.filter((pod) => pod.status?.podIP).length === 3)
  await client.delete('Namespace', 'shop', undefined, { propagationPolicy: 'Background' })
  await until('Namespace', (namespaces) => !namespaces.some(({ metadata }) => metadata.name === 'shop'))
  for (const kind of [
    'Pod',
    'Deployment',
    'ReplicaSet',
    'Service',
    'EndpointSlice',
    'Secret',
    'ConfigMap',
    'Event',
  ] as const)
    assert.deepEqual(await all(kind, 'shop'), [], kind)
})
