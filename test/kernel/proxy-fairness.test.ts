import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Service, ServiceSpec } from '../../src/api/objects/service.ts'
import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import { type Address, address, cidr, nth } from '../../src/base/address.ts'
import { type Proxy, startProxy } from '../../src/proxy/proxy.ts'
import { ClusterByHand } from '../rows/cluster-by-hand.ts'
import { pod } from '../rows/places.ts'
import { node, service, slice } from '../rows/services.ts'
import { volley } from './proxy-volley.ts'
import { log, turn, World } from './proxy-world.ts'

// The kernel's choices, counted where they arrive: first packets of very many connections, and of very many clients.

const numbers = [...Array.from({ length: 20 }, (_, i) => i + 1), 50, 200, 1000]
const sticky: ServiceSpec = { sessionAffinity: 'ClientIP' }
const kept: ServiceSpec = { externalTrafficPolicy: 'Local' }
/** Endpoints have the first thousand addresses, clients those from the thirty-thousandth on. */
const farPods = cidr('100.97.0.0/16')
const protocol = 'UDP'

interface Case {
  readonly to: Address
  readonly of: number
  readonly objects: readonly [Service, EndpointSlice]
}

const stack = new AsyncDisposableStack()
let world: World
let proxy: Proxy
let last = 0
const cluster = new ClusterByHand([])

/** A service of so many endpoints, at its cluster IP, or at an external IP that keeps to the node, where pods are led another way. */
function make(of: number, spec: ServiceSpec = {}): Case {
  const at = ++last
  const outside = spec.externalTrafficPolicy === 'Local'
  const clusterIP = nth(cidr('100.64.0.0/24'), at)
  const externalIP = nth(cidr('198.51.100.0/24'), at)
  const own = service(`s${at}`, clusterIP, ['dns:53/UDP'], {
    ...spec,
    ...(outside ? { externalIPs: [externalIP] } : {}),
  })
  return { to: outside ? externalIP : clusterIP, of, objects: [own, sliceOf(at, 1, of)] }
}

function sliceOf(at: number, first: number, count: number): EndpointSlice {
  return slice(
    `s${at}`,
    Array.from({ length: count }, (_, i) => `${nth(farPods, first + i)}@node2`),
    ['dns:5353/UDP'],
  )
}

const plain = numbers.map((of) => make(of))
const remembering = numbers.map((of) => make(of, sticky))
const inside = [1, 2, 3, 7, 50, 300].map((of) => make(of, kept))
const insideRemembering = [1, 2, 3, 7, 50].map((of) => make(of, { ...kept, ...sticky }))
const churned = make(20)

before(async () => {
  world = stack.use(new World())
  const { podCidr, serviceCidr } = node
  cluster.put(...[...plain, ...remembering, ...inside, ...insideRemembering, churned].flatMap(({ objects }) => objects))
  proxy = startProxy({ client: cluster.client, nodeName: node.name, podCidr, serviceCidr, ns: world.node, log })
  stack.defer(() => proxy.close())
  await proxy.synced
})

after(() => stack.disposeAsync())

suite('connections are spread evenly', () => {
  for (const { to, of } of plain) test(`over ${of} endpoints`, async () => fair(await connections(to, of), of))
  for (const { to, of } of inside)
    test(`over ${of} endpoints, for pods and an address for the outside`, async () =>
      fair(await connections(to, of), of))
  test('over 20 endpoints, of which half went and others came', async () => {
    const at = Number(churned.objects[0].metadata.name.slice(1))
    const before = await connections(churned.to, 20)
    cluster.put(sliceOf(at, 11, 20))
    await turn()
    const now = await connections(churned.to, 20, 30_000)
    fair(now, 20)
    assert.equal([...now.keys()].filter((endpoint) => before.has(endpoint)).length, 10)
  })
})

suite('clients of a sticky service are spread evenly', () => {
  for (const { to, of } of remembering) test(`over ${of} endpoints`, async () => fair(await newcomers(to, of), of))
  for (const { to, of } of insideRemembering)
    test(`over ${of} endpoints, for pods and an address for the outside`, async () => fair(await newcomers(to, of), of))
})

/** Enough to tell an unfair choice. */
const enough = (of: number): number => 2000 + 30 * of

function connections(to: Address, of: number, firstPort = 20_000): Promise<Map<string, number>> {
  const from = address(pod)
  const flights = Array.from({ length: enough(of) }, (_, i) => {
    const sourcePort = firstPort + i
    return { from, sourcePort, to, port: 53, protocol } as const
  })
  return volley(world.at(pod), world.far, flights)
}

/** Each from an address of its own: the pod pretends to be many. */
function newcomers(to: Address, of: number): Promise<Map<string, number>> {
  const flights = Array.from({ length: enough(of) }, (_, i) => {
    const from = nth(farPods, 30_000 + i)
    return { from, sourcePort: 20_000, to, port: 53, protocol } as const
  })
  return volley(world.at(pod), world.far, flights)
}

/** Pearson's test. A fair choice fails one of these tests less than once in a million runs of this file. */
function fair(counts: ReadonlyMap<string, number>, of: number): void {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const expected = total / of
  const unseen = of - counts.size
  const chiSquare = [...counts.values()].reduce(
    (sum, count) => sum + (count - expected) ** 2 / expected,
    unseen * expected,
  )
  assert.ok(unseen >= 0, `${counts.size} endpoints of ${of}`)
  assert.ok(chiSquare <= limit(of - 1), `${chiSquare} is more than ${limit(of - 1)}: ${[...counts.values()].join(' ')}`)
}

/** What chi-squared stays below with a probability of 1 - 6e-9, by Wilson and Hilferty; more where it is not exact. */
function limit(freedom: number): number {
  if (freedom === 0) return 0
  const spread = 2 / (9 * freedom)
  return freedom * (1 - spread + 5.7 * Math.sqrt(spread)) ** 3
}
