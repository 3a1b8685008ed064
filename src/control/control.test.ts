import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import { agents, cluster, type TestCluster, sorted } from './testing.ts'

const web = {
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'host', ports: [{ name: 'http', containerPort: 8080 }] }] },
    },
  },
}
const service = {
  metadata: { name: 'web', namespace: 'default' },
  spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
}

const ofWeb = (slices: EndpointSlice[]): EndpointSlice[] =>
  slices.filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === 'web')
const readyIn = (slices: EndpointSlice[]): number =>
  ofWeb(slices).flatMap((slice) => slice.endpoints.filter((one) => one.conditions?.ready)).length

async function running(lab: TestCluster): Promise<EndpointSlice[]> {
  agents(lab.client)
  for (const name of ['node1', 'node2', 'node3']) await lab.node(name)
  await lab.client.create('Service', service)
  await lab.client.create('Deployment', web)
  return ofWeb(await lab.until('EndpointSlice', (all) => readyIn(all) === 3))
}

test('a deployment and a service become pods on nodes and ready endpoints', async (t) => {
  const lab = await cluster(t)
  const [slice] = await running(lab)
  assert.deepEqual(slice?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }])
  assert.deepEqual(sorted(slice.endpoints.map((one) => one.nodeName)), ['node1', 'node2', 'node3'])
  const ranges = (await lab.client.list('Node')).items.map((node) => node.spec?.podCIDR)
  assert.deepEqual(ranges, ['100.96.1.0/24', '100.96.2.0/24', '100.96.3.0/24'])
})

test('a pod that becomes unready leaves the ready endpoints with the next two turns of the event loop', async (t) => {
  const lab = await cluster(t)
  await running(lab)
  await lab.settle()
  const [pod] = await lab.all('Pod')
  const conditions = [{ type: 'Ready', status: 'False' as const }]
  await lab.client.patch('Pod', pod?.metadata.name ?? '', 'default', { status: { conditions } }, 'status')
  for (let turn = 0; turn < 2; turn++) await new Promise((done) => setImmediate(done))
  assert.equal(readyIn(await lab.all('EndpointSlice')), 2)
})

test('endpoints follow the service: another selector, another type, its end', async (t) => {
  const lab = await cluster(t)
  await running(lab)
  const patch = (spec: object): Promise<unknown> => lab.client.patch('Service', 'web', 'default', { spec })
  await patch({ selector: { app: 'nobody' } })
  await lab.until('EndpointSlice', (all) => ofWeb(all).length === 1 && ofWeb(all)[0]?.endpoints.length === 0)
  await patch({ selector: { app: 'web' } })
  await lab.until('EndpointSlice', (all) => readyIn(all) === 3)
  await patch({ ports: [{ name: 'http', port: 80, targetPort: 9090 }] })
  await lab.until('EndpointSlice', (all) => ofWeb(all)[0]?.ports?.[0]?.port === 9090)
  await lab.client.delete('Service', 'web', 'default')
  await lab.until('EndpointSlice', (all) => ofWeb(all).length === 0)
})

test('endpoints carry the zone that their node is labelled with, and hint it when the service prefers it', async (t) => {
  const lab = await cluster(t)
  await running(lab)
  const label = (zone: string | null): Promise<unknown> =>
    lab.client.patch('Node', 'node1', undefined, { metadata: { labels: { 'topology.kubernetes.io/zone': zone } } })
  const places = (slices: EndpointSlice[]): string[] =>
    sorted(
      ofWeb(slices).flatMap(({ endpoints }) =>
        endpoints.map(
          ({ nodeName, zone, hints }) =>
            `${nodeName} ${zone} ${hints?.forZones?.[0]?.name} ${hints?.forNodes?.[0]?.name}`,
        ),
      ),
    )
  const until = (...expected: string[]): Promise<unknown> =>
    lab.until('EndpointSlice', (all) => places(all).join() === expected.join())
  const prefer = (trafficDistribution: string | null): Promise<unknown> =>
    lab.client.patch('Service', 'web', 'default', { spec: { trafficDistribution } })
  await label('a')
  await until(
    'node1 a undefined undefined',
    'node2 undefined undefined undefined',
    'node3 undefined undefined undefined',
  )
  await prefer('PreferSameNode')
  await until('node1 a a node1', 'node2 undefined undefined node2', 'node3 undefined undefined node3')
  await prefer('PreferSameZone')
  await until('node1 a a undefined', 'node2 undefined undefined undefined', 'node3 undefined undefined undefined')
  await label('b')
  await until('node1 b b undefined', 'node2 undefined undefined undefined', 'node3 undefined undefined undefined')
  await prefer(null)
  await label(null)
  await until(...['node1', 'node2', 'node3'].map((node) => `${node} undefined undefined undefined`))
})

test('the endpoints of a deleted node go at once, and come back with it', async (t) => {
  const lab = await cluster(t)
  await running(lab)
  await lab.client.delete('Node', 'node1')
  await lab.until('EndpointSlice', (all) => readyIn(all) === 2)
  await lab.node('node1')
  await lab.until('EndpointSlice', (all) => readyIn(all) === 3)
})

test('slices that somebody else keeps, for a service without a selector, are left alone', async (t) => {
  const lab = await cluster(t)
  await lab.client.create('Service', { ...service, spec: { ports: [{ port: 80 }] } })
  const metadata = { name: 'by-hand', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } }
  await lab.client.create('EndpointSlice', {
    metadata,
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.9'] }],
    ports: [],
  })
  await lab.settle()
  assert.deepEqual(
    ofWeb(await lab.all('EndpointSlice')).map((slice) => slice.metadata.name),
    ['by-hand'],
  )
})

test('deleted, a slice or a pod comes back', async (t) => {
  const lab = await cluster(t)
  const [slice] = await running(lab)
  await lab.client.delete('EndpointSlice', slice?.metadata.name ?? '', 'default')
  await lab.until('EndpointSlice', (all) => readyIn(all) === 3 && ofWeb(all)[0]?.metadata.uid !== slice?.metadata.uid)
  for (const pod of await lab.all('Pod')) await lab.client.delete('Pod', pod.metadata.name, 'default')
  await lab.until('EndpointSlice', (all) => readyIn(all) === 3)
  await lab.settle()
  assert.equal((await lab.all('Pod')).length, 3)
})

test('started anew over a settled cluster, the loops find nothing to do', async (t) => {
  const lab = await cluster(t)
  await running(lab)
  await lab.settle()
  const before = lab.revision()
  await lab.restart()
  await lab.settle()
  assert.equal(lab.revision(), before)
})
