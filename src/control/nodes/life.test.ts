import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '../../api/objects/node.ts'
import { cluster, manualClock, object } from '../testing.ts'
import { giveUp, hear } from './life.ts'

const ready = {
  type: 'Ready',
  status: 'True',
  lastHeartbeatTime: '2026-01-01T00:00:00Z',
  lastTransitionTime: '2026-01-01T00:00:00Z',
}
const container = { containers: [{ name: 'c', image: 'host' }] }

test('a renewed lease and a written status are signs of life; the same ones again are not', () => {
  const node = (lastHeartbeatTime: string): Node =>
    object('Node', 'n', { status: { conditions: [{ ...ready, lastHeartbeatTime }] } })
  const lease = (renewTime: string) => object('Lease', 'n', { spec: { renewTime } })
  const first = hear(undefined, node('1'), lease('1'), 1000)
  assert.equal(first.at, 1000)
  assert.equal(hear(first, node('1'), lease('1'), 2000).at, 1000)
  assert.equal(hear(first, node('1'), lease('2'), 3000).at, 3000)
  assert.equal(hear(first, node('2'), lease('1'), 4000).at, 4000)
})

test('a node that never spoke is told apart from one that fell silent', () => {
  const reasons = (node: Node): unknown[] =>
    giveUp(node, [], 0).flatMap((action) =>
      action.do === 'patch' && action.part === 'status'
        ? (action.patch as Node).status?.conditions?.map(({ type, status, reason }) => [type, status, reason])
        : [],
    )
  assert.deepEqual(reasons(object('Node', 'n')), [['Ready', 'Unknown', 'NodeStatusNeverUpdated']])
  const pressure = { type: 'DiskPressure', status: 'False' }
  const network = { type: 'NetworkUnavailable', status: 'False' }
  assert.deepEqual(reasons(object('Node', 'n', { status: { conditions: [ready, pressure, network] } })), [
    ['Ready', 'Unknown', 'NodeStatusUnknown'],
    ['DiskPressure', 'Unknown', 'NodeStatusUnknown'],
    ['NetworkUnavailable', 'False', undefined],
  ])
})

test('a silent node becomes Unknown and its pods not ready; after 300 s they go; when it speaks again the taint goes', async (t) => {
  const clock = manualClock()
  const lab = await cluster(t, { clock })
  const { client } = lab
  await lab.node('node1')
  await client.create('Lease', {
    metadata: { name: 'node1', namespace: 'kube-node-lease' },
    spec: { renewTime: '2026-01-01T00:01:00.000000Z' },
  })
  await client.create('Pod', { metadata: { name: 'a', namespace: 'default' }, spec: container })
  await lab.until('Pod', ([pod]) => pod?.spec.nodeName === 'node1')
  await client.patch(
    'Pod',
    'a',
    'default',
    { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
    'status',
  )
  await lab.settle()

  clock.move(30_000)
  await client.patch('Lease', 'node1', 'kube-node-lease', { spec: { renewTime: '2026-01-01T00:02:00.000000Z' } })
  await lab.settle()
  clock.move(39_000)
  await lab.settle()
  assert.equal((await client.get('Node', 'node1'))?.status?.conditions?.[0]?.status, 'True', 'still within its grace')

  clock.move(1_000)
  await lab.until('Node', ([node]) => node?.spec?.taints?.length === 2)
  const [node] = (await client.list('Node')).items
  assert.equal(node?.status?.conditions?.[0]?.status, 'Unknown')
  assert.deepEqual(
    node.spec?.taints?.map(({ key, effect }) => [key, effect]),
    [
      ['node.kubernetes.io/unreachable', 'NoSchedule'],
      ['node.kubernetes.io/unreachable', 'NoExecute'],
    ],
  )
  await lab.until('Pod', ([pod]) => pod?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'False')

  await client.patch('Lease', 'node1', 'kube-node-lease', { spec: { renewTime: '2026-01-01T00:03:00.000000Z' } })
  const spoken = { conditions: [{ ...ready, lastHeartbeatTime: '2026-01-01T00:02:00Z' }] }
  await client.patch('Node', 'node1', undefined, { status: spoken }, 'status')
  await lab.until('Node', ([one]) => one?.spec?.taints === undefined)

  clock.move(40_000)
  await lab.until('Node', ([one]) => one?.spec?.taints?.length === 2)
  await lab.settle()
  clock.move(299_000)
  await lab.settle()
  assert.equal((await client.get('Pod', 'a', 'default'))?.metadata.deletionTimestamp, undefined, 'borne for 300 s')
  clock.move(1_000)
  await lab.until('Pod', ([pod]) => pod?.metadata.deletionTimestamp !== undefined)
})
