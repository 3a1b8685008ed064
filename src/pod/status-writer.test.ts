import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localClient } from '../api/client/local.ts'
import type { Pod } from '../api/objects/pod.ts'
import { bootstrap } from '../api/registry/bootstrap.ts'
import { Registry } from '../api/registry/registry.ts'
import { Store } from '../api/store/store.ts'
import { makeLog } from '../base/log.ts'
import { StatusWriter } from './status-writer.ts'

test('a condition that another hand overwrote is told again, and an echo of its own words is not', async () => {
  const registry = new Registry({ store: new Store(), serviceCidr: '100.64.0.0/13' })
  bootstrap(registry)
  const client = localClient({ registry })
  const spec = { containers: [{ name: 'c', image: 'host' }] }
  const pod = await client.create('Pod', { metadata: { name: 'a', namespace: 'default' }, spec })
  const writer = new StatusWriter(client, makeLog('test', 'fatal'))
  client.follow('Pod', { onChange: ({ object }) => writer.seen(object) })
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 4; turn++) await new Promise((done) => setImmediate(done))
    await writer.settled()
  }
  const ready = async (): Promise<unknown> => (await client.get('Pod', 'a', 'default'))?.status?.conditions?.[0]?.status
  const told = (status: 'True' | 'False'): Pod['status'] => ({
    phase: 'Running',
    conditions: [{ type: 'Ready', status }],
  })

  for (const status of ['False', 'True', 'False', 'True'] as const) {
    writer.put(pod, told(status) ?? {})
    await new Promise((done) => setImmediate(done))
  }
  await settled()
  assert.equal(await ready(), 'True')
  const before = registry.store.revision
  await settled()
  assert.equal(registry.store.revision, before)

  await client.patch('Pod', 'a', 'default', { status: told('False') }, 'status')
  await settled()
  assert.equal(await ready(), 'True')
  writer.close()
  client.close()
})
