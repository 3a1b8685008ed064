import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agents, cluster } from './testing.ts'

const template = (version: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: {
    containers: [
      { name: 'web', image: 'host', command: ['serve', version], ports: [{ name: 'http', containerPort: 8080 }] },
    ],
  },
})
const web = {
  metadata: { name: 'web', namespace: 'default' },
  spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: template('1') },
}
const service = {
  metadata: { name: 'web', namespace: 'default' },
  spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
}

test('a deployment and a service become pods on nodes and ready endpoints', async (t) => {
  const lab = await cluster(t)
  agents(lab.client)
  for (const name of ['node1', 'node2', 'node3']) await lab.node(name)
  const begun = performance.now()
  await lab.client.create('Service', service)
  await lab.client.create('Deployment', web)
  const slices = await lab.until('EndpointSlice', (all) =>
    all.some(
      (one) =>
        one.metadata.name.startsWith('web-') && one.endpoints.filter((each) => each.conditions?.ready).length === 3,
    ),
  )
  console.log('ms', performance.now() - begun)
  const slice = slices.find((one) => one.metadata.name.startsWith('web-'))
  assert.deepEqual(slice?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }])
  assert.deepEqual(slice.endpoints.map((one) => one.nodeName).sort(), ['node1', 'node2', 'node3'])
  const [deployment] = await lab.until('Deployment', ([one]) => one?.status?.availableReplicas === 3)
  assert.deepEqual(
    deployment?.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
    [
      ['Available', 'True', 'MinimumReplicasAvailable'],
      ['Progressing', 'True', 'NewReplicaSetAvailable'],
    ],
  )
})
