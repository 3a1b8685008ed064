import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Service, ServiceSpec } from '../../src/api/objects/service.ts'
import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import { type Address, address, cidr, nth } from '../../src/base/address.ts'
import { packAddress } from '../../src/kernel/nftables/packed.ts'
import { type Nftables, openNftables } from '../../src/kernel/nftables/socket.ts'
import { families } from '../../src/proxy/layout/family.ts'
import { type Proxy, startProxy } from '../../src/proxy/proxy.ts'
import { ClusterByHand } from '../rows/cluster-by-hand.ts'
import { friend, nodeAddress, pod, podA, podB, podC, stranger } from '../rows/places.ts'
import { leaving, node, service, slice } from '../rows/services.ts'
import { Probe } from './proxy-probe.ts'
import { log, turn, World } from './proxy-world.ts'

// sessionAffinity ClientIP over time. Many clients at once, so that staying by chance is out of the question: that forty of them all
// draw the same of eight endpoints again happens once in 10^36 runs.

const stack = new AsyncDisposableStack()
let world: World
let probe: Probe
let proxy: Proxy
let nftables: Nftables
const cluster = new ClusterByHand([])
let last = 0

before(() => {
  world = stack.use(new World())
  probe = stack.use(new Probe(world))
  nftables = stack.use(openNftables(world.node))
  proxy = start()
  stack.defer(() => proxy.close())
})

after(() => stack.disposeAsync())

function start(): Proxy {
  const { podCidr, serviceCidr } = node
  return startProxy({ client: cluster.client, nodeName: node.name, podCidr, serviceCidr, ns: world.node, log })
}

/** Pods of other nodes: their namespace has all addresses of the range. */
const clients: readonly Address[] = Array.from({ length: 40 }, (_, i) => nth(cidr('100.97.100.0/24'), i))
const endpoints = (...which: number[]): string[] => which.map((i) => `100.97.1.${i}@node2`)
const eight = endpoints(1, 2, 3, 4, 5, 6, 7, 8)
type At = { readonly to: string; readonly port?: number }

/** A sticky service of its own for each test, with ports http and, over UDP, dns. */
interface Sticky extends At {
  readonly name: string
  put(spec?: ServiceSpec): Promise<void>
  serve(...endpoints: readonly (string | EndpointSlice['endpoints'][number])[]): Promise<void>
}

async function sticky(spec: ServiceSpec = {}, initial = eight): Promise<Sticky> {
  const name = `sticky${++last}`
  const to = nth(cidr('100.64.1.0/24'), last)
  const objects = (spec: ServiceSpec): Service =>
    service(name, to, ['http:80', 'dns:53/UDP'], { sessionAffinity: 'ClientIP', ...spec })
  const made: Sticky = {
    name,
    to,
    async put(spec = {}) {
      cluster.put(objects(spec))
      await turn()
    },
    async serve(...endpoints) {
      cluster.put(slice(name, endpoints, ['http:8080', 'dns:5353/UDP']))
      await turn()
    },
  }
  await made.serve(...initial)
  await made.put(spec)
  return made
}

/** Where each client's next connection goes: a new one every time, from another port. */
async function ask({ to, port = 80 }: At, from: readonly Address[] = clients): Promise<string[]> {
  return Promise.all(
    from.map(async (client) => {
      const fate = await probe.fate({ from: client, to: address(to), port, protocol: port === 53 ? 'UDP' : 'TCP' })
      return fate.is === 'arrival' ? fate.flight.to : fate.is
    }),
  )
}

test('clients keep their endpoints, each its own', async () => {
  const at = await sticky()
  const first = await ask(at)
  assert.ok(new Set(first).size > 1, 'all of them got the same one')
  for (let i = 0; i < 5; i++) assert.deepEqual(await ask(at), first)
  const datagrams = await ask({ to: at.to, port: 53 })
  assert.deepEqual(await ask({ to: at.to, port: 53 }), datagrams)
})

test('ordinary connections, and their answers, keep to an endpoint', async () => {
  const at = await sticky({}, [`${podA}@node1`, `${podB}@node1`, `${podC}@node1`])
  for (const [from, protocol, port] of [
    [pod, 'TCP', 80],
    [pod, 'UDP', 53],
    [friend, 'TCP', 80],
    [stranger, 'UDP', 53],
    [nodeAddress, 'TCP', 80],
  ] as const) {
    const by = async (): Promise<string> => {
      const answer = await world.ask(from, at.to, port, protocol)
      return typeof answer === 'object' ? answer.by : answer
    }
    const first = await by()
    for (let i = 0; i < 20; i++) assert.equal(await by(), first)
  }
})

test('clients keep their endpoints while others come', async () => {
  const at = await sticky({}, endpoints(1, 2, 3))
  const first = await ask(at)
  await at.serve(...eight)
  assert.deepEqual(await ask(at), first)
  await at.serve(...endpoints(8, 3, 7, 2, 6, 1, 5, 4, 9, 10, 11, 12, 13))
  assert.deepEqual(await ask(at), first)
})

test('clients keep their endpoints while others go; those whose endpoint went get another one, and keep that', async () => {
  const at = await sticky()
  const first = await ask(at)
  const staying = ['100.97.1.2', '100.97.1.3', '100.97.1.5', '100.97.1.7']
  await at.serve(...staying.map((endpoint) => `${endpoint}@node2`))
  const second = await ask(at)
  for (const [i, endpoint] of second.entries()) {
    assert.ok(staying.includes(endpoint))
    if (staying.includes(first[i] ?? '')) assert.equal(endpoint, first[i])
  }
  assert.deepEqual(await ask(at), second)
  // Those that went come back: nobody is led away from where it is now.
  await at.serve(...eight)
  assert.deepEqual(await ask(at), second)
})

test('clients that did not ask while their endpoint was away find it again', async () => {
  const at = await sticky()
  const first = await ask(at)
  await at.serve(...endpoints(1))
  await at.serve(...eight)
  assert.deepEqual(await ask(at), first)
  await at.serve()
  assert.deepEqual(new Set(await ask(at)), new Set(['reset']))
  await at.serve(...eight)
  assert.deepEqual(await ask(at), first)
})

test('an endpoint that terminates while others are ready gives its clients away', async () => {
  const at = await sticky()
  const first = await ask(at)
  const gone = first[0] ?? assert.fail()
  await at.serve(...eight.map((each) => (each.startsWith(`${gone}@`) ? leaving(each) : each)))
  const second = await ask(at)
  for (const [i, endpoint] of second.entries()) {
    if (first[i] === gone) assert.notEqual(endpoint, gone)
    else assert.equal(endpoint, first[i])
  }
})

test('clients keep their endpoints whichever address of the service they use', async () => {
  const at = await sticky({
    type: 'NodePort',
    ports: [{ name: 'http', port: 80, nodePort: 30100 }],
    externalIPs: ['198.51.100.9'],
  })
  const first = await ask(at)
  assert.deepEqual(await ask({ to: nodeAddress, port: 30100 }), first)
  const others = clients.map((client) => address(client.replace('.100.', '.101.')))
  const begun = await ask({ to: nodeAddress, port: 30100 }, others)
  assert.deepEqual(await ask(at, others), begun)
  const outside = [address(friend), address(stranger)]
  const fromOutside = await ask({ to: '198.51.100.9' }, outside)
  assert.deepEqual(await ask(at, outside), fromOutside)
  assert.deepEqual(await ask({ to: nodeAddress, port: 30100 }, outside), fromOutside)
})

test('clients keep their endpoints when the service gets other addresses, another policy, another time', async () => {
  const at = await sticky()
  const first = await ask(at)
  await at.put({ type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30101 }] })
  assert.deepEqual(await ask(at), first)
  assert.deepEqual(await ask({ to: nodeAddress, port: 30101 }), first)
  await at.put({
    type: 'NodePort',
    ports: [{ name: 'http', port: 80, nodePort: 30101 }],
    externalTrafficPolicy: 'Local',
  })
  // Pods are led past the policy, and still to the same endpoints.
  assert.deepEqual(await ask({ to: nodeAddress, port: 30101 }), first)
  await at.put({ sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } } })
  assert.deepEqual(await ask(at), first)
})

test('clients keep their endpoints over a new agent', async () => {
  const at = await sticky()
  const first = await ask(at)
  proxy.close()
  assert.deepEqual(await ask(at), first)
  proxy = start()
  await proxy.synced
  assert.deepEqual(await ask(at), first)
  // And over one that finds other endpoints.
  proxy.close()
  cluster.put(slice(at.name, endpoints(9, 10, 11, 12, 8, 7, 6, 5, 4, 3, 2, 1), ['http:8080', 'dns:5353/UDP']))
  proxy = start()
  await proxy.synced
  assert.deepEqual(await ask(at), first)
})

test('a service that is not sticky any more spreads its clients’ connections, and keeps them again once it is', async () => {
  const at = await sticky()
  const first = await ask(at)
  await at.put({ sessionAffinity: 'None' })
  assert.notDeepEqual(await ask(at), first)
  assert.notDeepEqual(await ask(at), await ask(at))
  await at.put()
  const again = await ask(at)
  assert.deepEqual(await ask(at), again)
})

test('what is remembered of one service means nothing for the next', async () => {
  const at = await sticky()
  await ask(at)
  cluster.remove(service(at.name, at.to, []))
  cluster.remove(slice(at.name, [], []))
  await turn()
  const next = await sticky({}, endpoints(101, 102, 103, 104))
  const first = await ask(next)
  assert.ok(
    first.every((endpoint) => /^100\.97\.1\.10[1-4]$/.test(endpoint)),
    `${first}`,
  )
  assert.deepEqual(await ask(next), first)
})

test('clients are forgotten after their time, and not while they come again', async () => {
  const at = await sticky({ sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } })
  // Clients that no other test has the kernel remember for long.
  const all = clients.map((client) => address(client.replace('.100.', '.102.')))
  const [regular, ...others] = all as [Address, ...Address[]]
  const first = await ask(at, all)
  const begun = performance.now()
  let [its] = first
  let last = begun
  // The kernel's own clock decides: the others' time is over when it says so.
  while (await remembered(others)) {
    const now = await ask(at, [regular])
    // On a machine that stood still for that long, its time was over too.
    if (performance.now() - last > 900) [its] = now
    assert.deepEqual(now, [its])
    last = performance.now()
    assert.ok(last - begun < 10_000, 'they are never forgotten')
  }
  assert.ok(performance.now() - begun > 900, 'they were forgotten too early')
  assert.notDeepEqual(await ask(at, others), first.slice(1))
})

async function remembered(clients: readonly Address[]): Promise<boolean> {
  // Nothing tells when an element's time is over.
  await pause(100)
  const keys = [...(nftables.read(families[4].table)?.sets.get('affinity')?.elements.keys() ?? [])]
  return clients.some((client) => keys.some((key) => key.startsWith(packAddress(client))))
}
