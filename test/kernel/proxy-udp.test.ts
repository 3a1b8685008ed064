import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Address } from '../../src/base/address.ts'
import { openConntrack } from '../../src/kernel/conntrack/socket.ts'
import { type Packed, packAddress } from '../../src/kernel/nftables/packed.ts'
import { endpointValue } from '../../src/proxy/layout/keys.ts'
import { type EndpointsOf, forgetStale } from '../../src/proxy/udp.ts'
import { ConntrackWorld, places } from './conntrack-world.ts'

const world = new ConntrackWorld()
const conntrack = openConntrack(world.node)
after(async () => {
  conntrack.close()
  await world[Symbol.asyncDispose]()
})

/** The flows there are, each with the addresses of its endpoints. */
class Services {
  readonly #known = new Map<string, ReadonlySet<Packed>>()
  readonly endpointsOf: EndpointsOf = ({ address, port, protocol }) => this.#known.get(`${protocol} ${address} ${port}`)

  /** Tells the kernel too: from now on new connections go to the first one. */
  set(address: Address, port: number, ...endpoints: Address[]): void {
    world.serve('udp', address, port, endpoints[0])
    this.#known.set(`UDP ${address} ${port}`, new Set(endpoints.map((at) => endpointValue(packAddress(at), 5353))))
  }
}

for (const version of [4, 6] as const) {
  const { services, endpoints, node } = places[version]
  const [service, other] = services
  const [first, second] = endpoints

  test(`IPv${version}: the next datagram goes to an endpoint that there is; who has one stays there`, async () => {
    const flows = new Services()
    flows.set(service, 53, second)
    const [left, stays, elsewhere] = [1, 2, 3].map(() => world.udpClient(version))
    assert.ok(left && stays && elsewhere)
    assert.equal(await stays.ask(service, 53), second)
    flows.set(service, 53, first, second)
    flows.set(service, 54, first)
    flows.set(other, 53, first)
    assert.equal(await left.ask(service, 53), first)
    assert.equal(await left.ask(service, 54), first)
    assert.equal(await elsewhere.ask(other, 53), first)
    const asked = { address: service, port: 53 }
    assert.equal(forgetStale(conntrack, [asked], flows.endpointsOf), 0)
    const before = conntrack.count()

    flows.set(service, 53, second)
    assert.equal(await left.ask(service, 53), first, 'its entry leads on to who has gone')
    assert.equal(forgetStale(conntrack, [asked], flows.endpointsOf), 1)
    assert.equal(conntrack.count(), before - 1)
    assert.equal(forgetStale(conntrack, [asked], flows.endpointsOf), 0)
    assert.equal(await left.ask(service, 53), second)
    assert.equal(await stays.ask(service, 53), second)
    assert.equal(await elsewhere.ask(other, 53), first)
  })

  test(`IPv${version}: a service that came later takes over who was sending already`, async () => {
    // The node's own address, as with a node port: something else may have listened there.
    const flow = { address: node, port: 30053 }
    const { tell, ask } = world.udpClient(version)
    tell(node, 30053)
    await until(() => conntrack.list({ destination: node, protocol: 17, destinationPort: 30053 }).length === 1)
    const flows = new Services()
    flows.set(node, 30053, first)
    assert.equal(forgetStale(conntrack, [flow], flows.endpointsOf), 1)
    assert.equal(await ask(node, 30053), first)
  })

  test(`IPv${version}: without endpoints all of a flow is forgotten, and nothing of who is no service`, async () => {
    const flows = new Services()
    flows.set(other, 60, first)
    flows.set(other, 61, first)
    const { ask } = world.udpClient(version)
    for (const port of [60, 61]) await ask(other, port)
    flows.set(other, 60)
    const asked = [60, 61, 62].map((port) => ({ address: other, port }))
    assert.equal(
      forgetStale(conntrack, asked, () => undefined),
      0,
    )
    assert.equal(forgetStale(conntrack, [], flows.endpointsOf), 0)
    assert.equal(forgetStale(conntrack, asked, flows.endpointsOf), 1)
    assert.deepEqual(
      [60, 61].map((port) => conntrack.list({ destination: other, protocol: 17, destinationPort: port }).length),
      [0, 1],
    )
  })

  test(`IPv${version}: TCP to the same address and port lives on`, async () => {
    const flows = new Services()
    world.serve('tcp', service, 70, first)
    flows.set(service, 70, first)
    const say = await world.tcpClient(service, 70)
    const { ask } = world.udpClient(version)
    assert.equal(await say(), first)
    assert.equal(await ask(service, 70), first)
    world.serve('tcp', service, 70)
    flows.set(service, 70)
    assert.equal(forgetStale(conntrack, [{ address: service, port: 70 }], flows.endpointsOf), 1)
    assert.equal(await say(), first)
  })

  test(`IPv${version}: many flows at once are as good as one by one`, async () => {
    const flows = new Services()
    const asked = services.flatMap((address) => Array.from({ length: 20 }, (_, i) => ({ address, port: 1000 + i })))
    for (const { address, port } of asked) flows.set(address, port, first)
    const { ask } = world.udpClient(version)
    for (const { address, port } of asked) assert.equal(await ask(address, port), first)
    const moved = asked.filter((_, i) => i % 3 === 0)
    for (const { address, port } of moved) flows.set(address, port, second)
    const [one, ...others] = moved
    assert.ok(one)
    assert.equal(forgetStale(conntrack, [one], flows.endpointsOf), 1)
    assert.equal(forgetStale(conntrack, asked, flows.endpointsOf), others.length)
    for (const { address, port } of asked)
      assert.equal(
        await ask(address, port),
        moved.some((flow) => flow.address === address && flow.port === port) ? second : first,
      )
  })
}

async function until(come: () => boolean): Promise<void> {
  const end = Date.now() + 10_000
  while (!come()) {
    assert.ok(Date.now() < end, 'it never came')
    await new Promise(setImmediate)
  }
}
