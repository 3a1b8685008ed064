import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Kinds } from '../objects/index.ts'
import { bootstrap } from '../registry/bootstrap.ts'
import { Registry } from '../registry/registry.ts'
import { Store } from '../store/store.ts'
import type { Client } from './client.ts'
import { localClient } from './local.ts'

function cluster(): Client {
  const registry = new Registry({ store: new Store(), serviceCidr: '100.64.0.0/13' })
  bootstrap(registry)
  return localClient({ registry })
}

const pod = {
  metadata: { name: 'a', namespace: 'default', labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image: 'host' }] },
}

test('an object is created with defaults, read, updated, and an outdated update is refused', async () => {
  const client = cluster()
  const made = await client.create('Pod', pod)
  assert.equal(made.spec.restartPolicy, 'Always')
  assert.equal(made.status?.phase, 'Pending')
  assert.match(made.metadata.uid ?? '', /^[0-9a-f-]{36}$/)
  const first = structuredClone(made)
  made.metadata.labels = { app: 'api' }
  const updated = await client.update('Pod', made)
  assert.notEqual(updated.metadata.resourceVersion, first.metadata.resourceVersion)
  await assert.rejects(client.update('Pod', first), { code: 409, reason: 'Conflict' })
  await assert.rejects(client.create('Pod', pod), {
    code: 409,
    reason: 'AlreadyExists',
    message: 'pods "a" already exists',
  })
  assert.equal(await client.get('Pod', 'b', 'default'), undefined)
})

test('a follower gets the first list as one batch, then changes in order, and a leaving match as deleted', async () => {
  const client = cluster()
  await client.create('Pod', pod)
  const seen: string[] = []
  const follower = client.follow('Pod', {
    labelSelector: 'app=web',
    onChange: ({ type, object }) => seen.push(`${type} ${object.metadata.name}`),
    onBatch: () => seen.push('batch'),
  })
  await follower.synced
  assert.deepEqual(seen.splice(0), ['added a', 'batch'])
  await client.create('Pod', { ...pod, metadata: { ...pod.metadata, name: 'b' } })
  await client.patch('Pod', 'a', 'default', { metadata: { labels: { app: 'other' } } })
  await client.create('Pod', { ...pod, metadata: { ...pod.metadata, name: 'ignored', labels: {} } })
  await new Promise(setImmediate)
  assert.deepEqual(seen.splice(0), ['added b', 'deleted a', 'batch'])
  assert.deepEqual(
    follower.list().map((one) => one.metadata.name),
    ['b'],
  )
  assert.ok(follower.get('default/b'))
  follower.close()
  await client.delete('Pod', 'b', 'default')
  await new Promise(setImmediate)
  assert.deepEqual(seen, [])
})

test('a repeated event is counted, not repeated', async () => {
  const client = cluster()
  const counted = Promise.withResolvers<Kinds['Event']>()
  client.follow('Event', { onChange: ({ object }) => object.count === 3 && counted.resolve(object) })
  for (let i = 0; i < 3; i++)
    client.event({ kind: 'Pod', name: 'a', namespace: 'default' }, 'Warning', 'BackOff', 'again')
  assert.equal((await counted.promise).message, 'again')
  assert.equal((await client.list('Event')).items.length, 1)
})

test('events of one moment are listed in the order in which they happened', async () => {
  const client = cluster()
  const reasons = ['Scheduled', 'Pulled', 'Created', 'Started']
  const all = Promise.withResolvers<void>()
  client.follow('Event', { onChange: ({ object }) => object.reason === 'Started' && all.resolve() })
  for (const reason of reasons) client.event({ kind: 'Pod', name: 'a', namespace: 'default' }, 'Normal', reason, 'x')
  await all.promise
  assert.deepEqual(
    (await client.list('Event')).items.map((event) => event.reason),
    reasons,
  )
})

test("status has its own verb, and neither verb touches what is the other's", async () => {
  const client = cluster()
  const made = await client.create('Pod', pod)
  const running = await client.updateStatus('Pod', {
    ...made,
    metadata: { ...made.metadata, labels: {} },
    status: { phase: 'Running' },
  })
  assert.deepEqual(running.metadata.labels, { app: 'web' })
  assert.equal(running.metadata.generation, 1)
  const kept = await client.update('Pod', { ...running, status: { phase: 'Failed' } })
  assert.equal(kept.status?.phase, 'Running')
  await client.patch('Pod', 'a', 'default', { status: { podIP: '100.96.1.2' } }, 'status')
  assert.deepEqual((await client.get('Pod', 'a', 'default'))?.status, { phase: 'Running', podIP: '100.96.1.2' })
})
