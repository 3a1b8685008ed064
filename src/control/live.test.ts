import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localClient } from '../api/client/local.ts'
import { bootstrap } from '../api/registry/bootstrap.ts'
import { Registry } from '../api/registry/registry.ts'
import { Store } from '../api/store/store.ts'
import type { Client } from '../api/client/client.ts'
import { type AnyChange, type LiveView, liveView } from './live.ts'
import { manualClock } from './testing.ts'

const pod = {
  metadata: { name: 'a', namespace: 'default' },
  spec: { nodeName: 'n', containers: [{ name: 'c', image: 'host' }] },
}
const settled = (): Promise<void> => new Promise((done) => setImmediate(() => setImmediate(done)))

async function following(): Promise<{ client: Client; live: LiveView; changes: string[] }> {
  const registry = new Registry({ store: new Store(), serviceCidr: '100.64.0.0/13' })
  bootstrap(registry)
  const client = localClient({ registry })
  const live = liveView(client, manualClock())
  const changes: string[] = []
  await live.start(({ type, object }: AnyChange) => {
    if (object.kind === 'Pod')
      changes.push(`${type} ${object.metadata.deletionTimestamp ? 'ending' : (object.status?.phase ?? '')}`)
  })
  return { client, live, changes }
}

test('what was written is in the view before the watch brings it, and comes only once', async () => {
  const { client, live, changes } = await following()
  const made = await client.create('Pod', pod)
  assert.equal(live.view.get('Pod', 'default/a'), undefined)
  live.wrote(made)
  assert.equal(live.view.get('Pod', 'default/a')?.metadata.uid, made.metadata.uid)
  await settled()
  assert.deepEqual(changes, ['added Pending'])
  live.close()
})

test('an older change that arrives after a write does not undo it', async () => {
  const { client, live } = await following()
  live.wrote(await client.create('Pod', pod))
  await client.patch('Pod', 'a', 'default', { metadata: { labels: { from: 'another' } } })
  live.wrote(await client.patch('Pod', 'a', 'default', { status: { phase: 'Running' } }, 'status'))
  const seen = (): unknown => live.view.get('Pod', 'default/a')?.status?.phase
  assert.equal(seen(), 'Running')
  await settled()
  assert.equal(seen(), 'Running')
  live.close()
})

test('an answer that comes after the watch has told of the end does not bring the object back', async () => {
  const { client, live } = await following()
  const made = await client.create('Pod', { ...pod, spec: { containers: pod.spec.containers } })
  await settled()
  await client.delete('Pod', 'a', 'default')
  await settled()
  live.wrote(made)
  assert.equal(live.view.get('Pod', 'default/a'), undefined)
  live.close()
})

test('a deleted object is seen as ending at once, even while older changes still arrive', async () => {
  const { client, live, changes } = await following()
  const { metadata } = await client.create('Pod', pod)
  await settled()
  await client.patch('Pod', 'a', 'default', { status: { phase: 'Running' } }, 'status')
  await client.delete('Pod', 'a', 'default', { gracePeriodSeconds: 7 })
  live.deleted('Pod', 'default/a', metadata.uid)
  assert.ok(live.view.get('Pod', 'default/a')?.metadata.deletionTimestamp)
  await settled()
  assert.equal(live.view.get('Pod', 'default/a')?.metadata.deletionGracePeriodSeconds, 7)
  assert.deepEqual(
    changes.filter((change) => change.endsWith('Running')),
    [],
  )
  await client.delete('Pod', 'a', 'default', { gracePeriodSeconds: 0 })
  await settled()
  assert.equal(live.view.get('Pod', 'default/a'), undefined)
  live.close()
})

test('an object that was made anew under the same name survives the news of the first one', async () => {
  const { client, live } = await following()
  const unbound = { ...pod, spec: { containers: pod.spec.containers } }
  const first = await client.create('Pod', unbound)
  live.wrote(first)
  await client.delete('Pod', 'a', 'default')
  const second = await client.create('Pod', unbound)
  live.wrote(second)
  assert.equal(live.view.get('Pod', 'default/a')?.metadata.uid, second.metadata.uid)
  await settled()
  assert.equal(live.view.get('Pod', 'default/a')?.metadata.uid, second.metadata.uid)
  live.close()
})
