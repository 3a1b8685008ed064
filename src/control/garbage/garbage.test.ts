import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agents, cluster, manualClock, object, sorted } from '../testing.ts'
import { shelves } from '../view.ts'
import { suspects, sweep } from './owners.ts'

const owner = (kind: string, name: string, uid: string, apiVersion = 'v1') => ({ apiVersion, kind, name, uid })
const map = (name: string, ownerReferences: ReturnType<typeof owner>[] = []) =>
  ({ metadata: { name, namespace: 'default', ...(ownerReferences.length > 0 && { ownerReferences }) } }) as const

test('only owners of kinds that are served can be missed', () => {
  const here = object('ConfigMap', 'here')
  const dependent = object('ConfigMap', 'a', {
    metadata: {
      ownerReferences: [
        owner('ConfigMap', 'here', 'uid-here'),
        owner('ConfigMap', 'gone', 'uid-gone'),
        owner('Widget', 'strange', 'uid-strange', 'example.com/v1'),
      ],
    },
  })
  assert.deepEqual(
    suspects(dependent, shelves([here])).map((one) => one.name),
    ['gone'],
  )
})

test('an object goes with its last owner, and loses the references to those that are gone', () => {
  const dependent = object('ConfigMap', 'a', {
    metadata: { ownerReferences: [owner('ConfigMap', 'b', 'b'), owner('ConfigMap', 'c', 'c')] },
  })
  assert.deepEqual(sweep(dependent, new Set()).actions, [])
  assert.deepEqual(
    sweep(dependent, new Set(['b'])).actions.map((action) => action.do === 'patch' && action.patch),
    [{ metadata: { ownerReferences: [owner('ConfigMap', 'c', 'c')] } }],
  )
  assert.deepEqual(
    sweep(dependent, new Set(['b', 'c'])).actions.map((action) => action.do),
    ['delete'],
  )
})

test('what is made with an owner that never was, goes; what has one that lives, stays', async (t) => {
  const { client, until, settle } = await cluster(t)
  const { metadata } = await client.create('ConfigMap', map('owner'))
  await client.create('ConfigMap', map('stays', [owner('ConfigMap', 'owner', metadata.uid ?? '')]))
  await client.create('ConfigMap', map('goes', [owner('ConfigMap', 'owner', 'another-uid')]))
  await until('ConfigMap', (all) => !all.some((one) => one.metadata.name === 'goes'))
  await settle()
  assert.ok(await client.get('ConfigMap', 'stays', 'default'))
  await client.delete('ConfigMap', 'owner', 'default')
  await until('ConfigMap', (all) => !all.some((one) => one.metadata.name === 'stays'))
})

const web = {
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'host' }] } },
  },
}

test('deleted in the foreground, an owner goes after its dependents', async (t) => {
  const { client, until, node } = await cluster(t)
  agents(client)
  await node('node1')
  await client.create('Deployment', web)
  await until('Pod', (pods) => pods.filter((pod) => pod.status?.podIP).length === 2)
  const gone: string[] = []
  for (const kind of ['Deployment', 'ReplicaSet', 'Pod'] as const)
    client.follow(kind, { onChange: ({ type }) => void (type === 'deleted' && gone.push(kind)) })
  await client.delete('Deployment', 'web', 'default', { propagationPolicy: 'Foreground' })
  await until('Deployment', (all) => all.length === 0)
  await new Promise((done) => setImmediate(done))
  assert.deepEqual(gone, ['Pod', 'Pod', 'ReplicaSet', 'Deployment'])
})

test('orphaned, dependents stay and belong to nobody, and a new owner can adopt them', async (t) => {
  const { client, until, node, all } = await cluster(t)
  agents(client)
  await node('node1')
  await client.create('Deployment', web)
  const pods = await until('Pod', (some) => some.filter((pod) => pod.status?.podIP).length === 2)
  await client.delete('Deployment', 'web', 'default', { propagationPolicy: 'Orphan' })
  await until('Deployment', (some) => some.length === 0)
  const [set] = await all('ReplicaSet')
  assert.equal(set?.metadata.ownerReferences, undefined)
  const made = await client.create('Deployment', web)
  await until('ReplicaSet', ([one]) => one?.metadata.ownerReferences?.[0]?.uid === made.metadata.uid)
  const after = await all('Pod')
  assert.deepEqual(sorted(after.map((pod) => pod.metadata.uid)), sorted(pods.map((pod) => pod.metadata.uid)))
})

test('pods of a node that does not exist go after their grace, unless the node comes back', async (t) => {
  const clock = manualClock(Date.now())
  const { client, until, all, node, settle } = await cluster(t, { clock, nodeGraceMs: 3_600_000 })
  const pod = (name: string, nodeName: string) => ({
    metadata: { name, namespace: 'default' },
    spec: { nodeName, containers: [{ name: 'c', image: 'host' }] },
  })
  for (const name of ['node1', 'node2']) await node(name)
  await client.create('Pod', pod('a', 'node1'))
  await client.create('Pod', pod('b', 'node2'))
  await client.create('Pod', pod('c', 'never-was'))
  // It is said at once, and once.
  await until('Event', (all) => all.some(({ reason }) => reason === 'NodeNotFound'))
  await settle()
  const said = (await all('Event')).filter(({ reason }) => reason === 'NodeNotFound')
  assert.deepEqual(
    said.map(({ involvedObject, message }) => `${involvedObject.name}: ${message}`),
    [
      'c: spec.nodeName is never-was, and there is no such node (there is node1, node2): unless it comes, the pod is removed in 40 s',
    ],
  )
  await client.delete('Node', 'node1')
  await client.delete('Node', 'node2')
  await settle()
  clock.move(39_000)
  await node('node2')
  await settle()
  clock.move(1_000)
  await until('Pod', (pods) => pods.map((one) => one.metadata.name).join() === 'b')
})

test('events go an hour after they were seen last', async (t) => {
  const clock = manualClock(Date.now())
  const { client, until, settle } = await cluster(t, { clock, nodeGraceMs: 36_000_000 })
  const about = { kind: 'Pod', namespace: 'default', name: 'a' }
  const at = (ms: number): string => `${new Date(clock.now() + ms).toISOString().slice(0, 19)}Z`
  const event = (name: string, lastTimestamp: string) => ({
    metadata: { name, namespace: 'default' },
    involvedObject: about,
    lastTimestamp,
  })
  await client.create('Event', event('old', at(-3_500_000)))
  await client.create('Event', event('new', at(0)))
  await client.create('Event', event('ancient', at(-4_000_000)))
  await until(
    'Event',
    (all) =>
      all
        .map((one) => one.metadata.name)
        .sort()
        .join() === 'new,old',
  )
  clock.move(101_000)
  await until('Event', (all) => all.map((one) => one.metadata.name).join() === 'new')
  await settle()
  clock.move(3_500_000)
  await until('Event', (all) => all.length === 0)
})
