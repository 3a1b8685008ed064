import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { address } from '../../src/base/address.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import type { Table } from '../../src/kernel/nftables/table.ts'
import { connectTcp } from '../../src/kernel/socket.ts'
import { families } from '../../src/proxy/layout/family.ts'
import { model } from '../../src/proxy/model.ts'
import { type Proxy, startProxy } from '../../src/proxy/proxy.ts'
import { ClusterByHand } from '../rows/cluster-by-hand.ts'
import { node, service, slice } from '../rows/services.ts'
import { log, World } from './proxy-world.ts'

// What happens around the proxy while it works: others who change nf_tables, a second agent, agents that come and go.

const { table } = families[4]
const theirs: Table = { family: 'ip', name: 'theirs' }
const client = '100.96.1.2'

let world: World
let cluster: ClusterByHand

before(() => {
  world = new World()
})

after(() => world[Symbol.asyncDispose]())

beforeEach(() => {
  using nftables = openNftables(world.node)
  for (const each of [table, theirs])
    if (nftables.read(each)) nftables.apply({ table: each, ops: [{ op: 'delete table' }] })
  cluster = new ClusterByHand([
    service('web', '100.64.0.20', ['http:80']),
    slice('web', ['100.96.1.3@node1', '100.96.1.4@node1'], ['http:8080']),
  ])
})

function start(): Proxy {
  const { podCidr, serviceCidr } = node
  return startProxy({ client: cluster.client, nodeName: node.name, podCidr, serviceCidr, ns: world.node, log })
}

function isRight(): boolean {
  using nftables = openNftables(world.node)
  const kernel = nftables.read(table)
  const facts = { ...node, masqueradeAll: false, counters: false }
  return kernel !== undefined && diff(kernel, model(cluster.services, cluster.slices, facts, kernel)).ops.length === 0
}

/** Within seconds, as promised; what it takes is far less. */
async function becomesRight(): Promise<void> {
  const begun = performance.now()
  while (!isRight()) {
    assert.ok(performance.now() - begun < 5000, 'it was never put right')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('what somebody removes is put right, and who was connected stays connected', async () => {
  const proxy = start()
  await proxy.synced
  const socket = connectTcp({ ns: world.at(client), address: address('100.64.0.20'), port: 80 }).setEncoding('utf8')
  await once(socket, 'data')
  using they = openNftables(world.node)
  for (const op of [{ op: 'delete table' }, { op: 'flush chain', chain: 'nat-prerouting' }] as const) {
    they.apply({ table, ops: [op] })
    assert.ok(!isRight())
    await becomesRight()
    socket.write('still there?')
    assert.equal(String(await once(socket, 'data')), 'still there?')
  }
  assert.equal(typeof (await world.ask(client, '100.64.0.20', 80)), 'object')
  socket.destroy()
  proxy.close()
})

test('others may change their own tables as often as they like', async () => {
  const proxy = start()
  await proxy.synced
  using they = openNftables(world.node)
  they.apply({ table: theirs, ops: [{ op: 'add table' }] })
  for (let i = 0; i < 100; i++) {
    const chain = { name: `chain-${i}` }
    they.apply({ table: theirs, ops: [{ op: 'add chain', chain }] })
    cluster.put(service(`s${i}`, `100.64.1.${i + 1}`, ['http:80']), slice(`s${i}`, ['100.96.1.3@node1'], ['http:8080']))
    they.apply({ table: theirs, ops: [{ op: 'delete chain', chain: chain.name }] })
    await turn()
    assert.ok(isRight(), `after change ${i}`)
  }
  proxy.close()
})

test('two agents that want the same do each other no harm', async () => {
  const [one, other] = [start(), start()]
  await Promise.all([one.synced, other.synced])
  const socket = connectTcp({ ns: world.at(client), address: address('100.64.0.20'), port: 80 }).setEncoding('utf8')
  await once(socket, 'data')
  for (let i = 0; i < 5; i++) {
    cluster.put(service(`s${i}`, `100.64.1.${i + 1}`, ['http:80']), slice(`s${i}`, ['100.96.1.3@node1'], ['http:8080']))
    await turn()
    assert.ok(isRight())
    assert.equal(typeof (await world.ask(client, '100.64.0.20', 80)), 'object')
  }
  await becomesRight()
  one.close()
  cluster.put(slice('web', ['100.96.1.5@node1'], ['http:8080']))
  await becomesRight()
  socket.write('still there?')
  assert.equal(String(await once(socket, 'data')), 'still there?')
  socket.destroy()
  other.close()
})

test('whatever others do to the table, it becomes what it should be', async () => {
  const damage = fc.constantFrom('delete table', 'flush chain', 'delete elements', 'add chain', 'nothing')
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (damages) => {
      const proxy = start()
      await proxy.synced
      using they = openNftables(world.node)
      for (const [i, op] of damages.entries()) {
        const kernel = they.read(table)
        const [key] = kernel?.sets.get('services')?.elements.keys() ?? []
        if (op === 'delete table' && kernel) they.apply({ table, ops: [{ op }] })
        if (op === 'flush chain' && kernel?.chains.has('pick-2')) they.apply({ table, ops: [{ op, chain: 'pick-2' }] })
        if (op === 'delete elements' && key) they.apply({ table, ops: [{ op, set: 'services', elements: [{ key }] }] })
        if (op === 'add chain' && kernel) they.apply({ table, ops: [{ op, chain: { name: 'stray' } }] })
        cluster.put(slice('web', [`100.96.1.${3 + (i % 2)}@node1`], ['http:8080']))
        await turn()
      }
      await becomesRight()
      proxy.close()
    }),
    { numRuns: 8 },
  )
})

/** Followers tell in this turn, the proxy commits at its end. */
async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}
