import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localClient } from '../api/client/local.ts'
import { bootstrap } from '../api/registry/bootstrap.ts'
import { Registry } from '../api/registry/registry.ts'
import { Store } from '../api/store/store.ts'
import { withKeptLists } from './kept-lists.ts'

test('a list is the same until something changes, and then it is up to date', async () => {
  const registry = new Registry({ store: new Store(), serviceCidr: '100.64.0.0/13' })
  bootstrap(registry)
  const client = localClient({ registry })
  const kept = withKeptLists(client)
  const names = async (): Promise<string[]> => (await kept.list('Node')).items.map(({ metadata }) => metadata.name)
  assert.deepEqual(await names(), [])
  await client.create('Node', { metadata: { name: 'node1' } })
  // Changes arrive with the next turn, as the answer to who made one does.
  await new Promise(setImmediate)
  assert.deepEqual(await names(), ['node1'])
  assert.equal((await kept.list('Node')).items, (await kept.list('Node')).items)
  await client.delete('Node', 'node1')
  await new Promise(setImmediate)
  assert.deepEqual(await names(), [])
  client.close()
})
