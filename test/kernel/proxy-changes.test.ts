import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { address } from '../../src/base/address.ts'
import { connectTcp } from '../../src/kernel/socket.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { families } from '../../src/proxy/layout/family.ts'
import { type Proxy, startProxy } from '../../src/proxy/proxy.ts'
import { ClusterByHand } from '../rows/cluster-by-hand.ts'
import { node, service, services, slice, slices } from '../rows/services.ts'
import { log, shortPatience, World } from './proxy-world.ts'

const { table } = families[4]

const stack = new AsyncDisposableStack()
let world: World
let cluster: ClusterByHand
let proxy: Proxy

before(async () => {
  world = stack.use(new World())
  cluster = new ClusterByHand([...services, ...slices])
  proxy = start()
  stack.defer(() => proxy.close())
  await proxy.synced
})

after(() => stack.disposeAsync())

function start(): Proxy {
  const { podCidr, serviceCidr } = node
  return startProxy({ client: cluster.client, nodeName: node.name, podCidr, serviceCidr, ns: world.node, log })
}

test('a connection outlives the change that takes its endpoint away', async () => {
  const of = service('moving', '100.64.0.40', ['http:80'])
  cluster.put(of, slice('moving', ['100.96.1.3@node1'], ['http:8080']))
  await kernelHas(() => decided('100.64.0.40'))
  const socket = connectTcp({ ns: world.at('100.96.1.2'), address: address('100.64.0.40'), port: 80 }).setEncoding(
    'utf8',
  )
  assert.match(String(await once(socket, 'data')), /^100\.96\.1\.3:8080/)
  cluster.put(slice('moving', ['100.96.1.4@node1'], ['http:8080']))
  await kernelHas(async () => (await by('100.64.0.40')) === '100.96.1.4:8080')
  socket.write('still there?')
  assert.equal(String(await once(socket, 'data')), 'still there?')
  cluster.remove(of)
  await kernelHas(async () => (await world.ask('100.96.1.2', '100.64.0.40', 80, 'TCP', shortPatience)) === 'nothing')
  socket.write('and now?')
  assert.equal(String(await once(socket, 'data')), 'and now?')
  socket.destroy()
})

test('a new agent takes over what the kernel holds, and changes nothing', async () => {
  using nftables = openNftables(world.node)
  const kernel = nftables.read(table)
  const { id } = nftables.generation()
  proxy.close()
  proxy = start()
  await proxy.synced
  assert.equal(nftables.generation().id, id)
  assert.deepEqual(nftables.read(table), kernel)
  assert.equal(await by('100.64.0.21'), '100.96.1.5:8080')
})

test('a new agent changes only what changed meanwhile', async () => {
  proxy.close()
  const extra = [service('late', '100.64.0.41', ['http:80']), slice('late', ['100.96.1.4@node1'], ['http:8080'])]
  cluster.put(...extra)
  using nftables = openNftables(world.node)
  const before = nftables.rules(table).map((rule) => rule.handle)
  proxy = start()
  await proxy.synced
  assert.deepEqual(
    nftables.rules(table).map((rule) => rule.handle),
    before,
  )
  assert.equal(await by('100.64.0.41'), '100.96.1.4:8080')
  cluster.remove(...extra)
})

test('a broken service breaks no other, and is told once', async () => {
  const broken = service('broken', '10.1.2.3', ['http:80'])
  cluster.put(
    broken,
    service('thief', '100.64.0.21', ['http:80'], {}),
    slice('thief', ['100.96.1.4@node1'], ['http:8080']),
  )
  cluster.put(
    service('good', '100.64.0.42', ['http:80', 'odd:0']),
    slice('good', ['127.0.0.1', 'nonsense', '100.96.1.4@node1'], ['http:8080']),
  )
  await kernelHas(async () => (await by('100.64.0.42')) === '100.96.1.4:8080')
  assert.equal(await by('100.64.0.21'), '100.96.1.5:8080')
  assert.deepEqual(cluster.events.toSorted(), [
    'EndpointSlice good-1: NotServed: endpoint address 127.0.0.1 cannot be served: it is left out',
    'EndpointSlice good-1: NotServed: endpoint address nonsense cannot be served: it is left out',
    'Service broken: NotServed: clusterIP 10.1.2.3 is not in the service range 100.64.0.0/13: the service is not served',
    'Service good: NotServed: port 0 TCP is none: this port is not served',
    'Service thief: NotServed: clusterIP 100.64.0.21 TCP 80 belongs to service shop/self: this one is not served there',
  ])
  cluster.put(broken)
  await kernelHas(() => decided('100.64.0.42'))
  assert.equal(cluster.events.length, 5)
})

test('a service that finds no way of its own is served plainly, and told', async () => {
  const others = Array.from({ length: 1300 }, (_, i) => [
    service(`way${i}`, `100.65.${i >> 8}.${i & 255}`, ['http:80'], {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 20_000 + i } },
    }),
    slice(`way${i}`, ['100.96.1.4@node1'], ['http:8080']),
  ])
  const said = (): string[] => cluster.events.filter((event) => event.includes('ServedPlainly'))
  cluster.put(...others.flat())
  await kernelHas(() => said().length > 0)
  assert.equal(
    said().at(-1),
    'Service way1299: ServedPlainly: clusterIP 100.65.5.19 TCP 80: clients are not kept at their endpoint for 21299 s (sessionAffinity), ' +
      'because services have too many different pairs of timeoutSeconds and number of endpoints; give them the same timeoutSeconds',
  )
  assert.equal(await by('100.65.5.19'), '100.96.1.4:8080')
  cluster.remove(...others.flat())
  await kernelHas(() => !proxy.ruleset().chains.has('stick-1-20000'))
})

async function by(to: string): Promise<string> {
  const answer = await world.ask('100.96.1.2', to, 80)
  return typeof answer === 'object' ? answer.by : answer
}

async function decided(to: string): Promise<boolean> {
  return typeof (await world.ask('100.96.1.2', to, 80)) === 'object'
}

/** Changes are in the kernel within a turn or two of the event loop; asking it is what takes time. */
async function kernelHas(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (await condition()) return
  }
  assert.fail('the kernel never had it')
}
