import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, test, type TestContext } from 'node:test'
import type { Address } from '../../src/base/address.ts'
import type { Connection } from '../../src/kernel/conntrack/connection.ts'
import { openConntrack } from '../../src/kernel/conntrack/socket.ts'
import { inNetns } from '../../src/kernel/netns.ts'
import { echo } from '../../src/kernel/ping.ts'
import { ConntrackWorld, places } from './conntrack-world.ts'

const world = new ConntrackWorld()
const conntrack = openConntrack(world.node)
after(async () => {
  conntrack.close()
  await world[Symbol.asyncDispose]()
})

for (const version of [4, 6] as const) {
  const { client, services, endpoints } = places[version]
  const [service, other] = services
  const [first, second] = endpoints

  test(`IPv${version}: a translated connection is listed with both its directions`, async () => {
    world.serve('udp', service, 53, first)
    const { port, ask } = world.udpClient(version)
    assert.equal(await ask(service, 53), first)
    const [found, ...others] = conntrack.list({ family: version, protocol: 17, destinationPort: 53 })
    assert.deepEqual(others, [])
    assert.ok(found)
    const { id, status, timeoutSeconds, ...rest } = found
    assert.deepEqual(rest, {
      family: version,
      protocol: 17,
      original: { source: client, destination: service, sourcePort: port, destinationPort: 53 },
      reply: { source: first, destination: client, sourcePort: 5353, destinationPort: port },
    })
    assert.ok(id > 0 && timeoutSeconds !== undefined && timeoutSeconds > 0)
    assert.deepEqual([...status], ['seenReply', 'confirmed', 'dnat', 'snatDone', 'dnatDone'])
  })

  test(`IPv${version}: a filter finds what it asks for and nothing else`, async () => {
    for (const to of services) for (const port of [53, 54]) world.serve('udp', to, port, first)
    world.serve('tcp', service, 80, first)
    const { ask } = world.udpClient(version)
    for (const to of services) for (const port of [53, 54]) await ask(to, port)
    await world.tcpClient(service, 80)
    const flows = (filter: Parameters<typeof conntrack.list>[0]): string[] =>
      [
        ...new Set(
          conntrack
            .list(filter)
            .map(({ protocol, original: o }) => `${protocol} ${o.destination} ${o.destinationPort}`),
        ),
      ].sort()
    const udp = services.flatMap((to) => [53, 54].map((port) => `17 ${to} ${port}`)).sort()
    assert.deepEqual(flows({ family: version, protocol: 17 }), udp)
    assert.deepEqual(flows({ family: version, protocol: 6 }), [`6 ${service} 80`])
    assert.deepEqual(flows({ destination: service, protocol: 17 }), [`17 ${service} 53`, `17 ${service} 54`])
    assert.deepEqual(flows({ destination: service }), [`17 ${service} 53`, `17 ${service} 54`, `6 ${service} 80`])
    assert.deepEqual(flows({ destination: other, protocol: 17, destinationPort: 54 }), [`17 ${other} 54`])
    assert.deepEqual(
      flows({ family: version, protocol: 17, destinationPort: 54 }),
      services.map((to) => `17 ${to} 54`),
    )
    assert.deepEqual(flows({ destination: service, destinationPort: 80 }), [`6 ${service} 80`])
    assert.deepEqual(flows({ destination: service, protocol: 6, destinationPort: 53 }), [])
    assert.deepEqual(flows({ destination: service, family: version === 4 ? 6 : 4 }), [])
  })

  test(`IPv${version}: after a deletion the next datagram begins anew, and a deleted entry is gone`, async () => {
    world.serve('udp', service, 55, first)
    const [moved, stays] = [world.udpClient(version), world.udpClient(version)]
    for (const each of [moved, stays]) assert.equal(await each.ask(service, 55), first)
    world.serve('udp', service, 55, second)
    assert.equal(await moved.ask(service, 55), first, 'the entry lives on')
    const [entry] = entriesOf(service, 55).filter(({ original }) => original.sourcePort === moved.port)
    assert.ok(entry)
    assert.equal(conntrack.delete(entry), true)
    assert.equal(conntrack.delete(entry), false)
    assert.equal(await moved.ask(service, 55), second)
    assert.equal(await stays.ask(service, 55), first)
    assert.equal(conntrack.delete(entry), false, 'the new entry of the same sender is another one')
    assert.equal(await moved.ask(service, 55), second)
  })

  test(`IPv${version}: pings are listed and can be deleted`, async () => {
    const protocol = version === 4 ? 1 : 58
    const [asked, answered] = version === 4 ? [8, 0] : [128, 129]
    await echo({ ns: world.client, to: places[version].node, timeoutMs: 10_000 })
    const pings = conntrack.list({ family: version, protocol }).filter(({ original }) => original.icmp?.type === asked)
    assert.equal(pings.length, 1)
    const [ping] = pings
    assert.ok(ping?.original.icmp)
    assert.deepEqual(ping.reply.icmp, { ...ping.original.icmp, type: answered })
    assert.equal(conntrack.delete(ping), true)
    assert.equal(conntrack.delete(ping), false)
  })
}

function entriesOf(destination: Address, destinationPort: number): Connection[] {
  return conntrack.list({ destination, protocol: 17, destinationPort })
}

test('without a filter everything is there, as many as are counted', () => {
  const all = conntrack.list()
  const kinds = new Set(all.map(({ family, protocol }) => `${family} ${protocol}`))
  for (const kind of ['4 17', '4 6', '6 17', '6 6']) assert.ok(kinds.has(kind), kind)
  assert.equal(all.length, conntrack.count())
  assert.equal(conntrack.list({ protocol: 17 }).length, all.filter(({ protocol }) => protocol === 17).length)
})

test('entries in zones are told apart, and their marks are read', async (t) => {
  const rules = `table ip zones {
    chain before {
      type filter hook prerouting priority raw
      udp dport 61 ct zone set 7
      udp dport 62 ct original zone set 8
    }
    chain after {
      type filter hook prerouting priority mangle
      udp dport 61 ct mark set 0x2a
    }
  }`
  if (!nft(t, rules)) return
  const { ask } = world.udpClient(4)
  const [service] = places[4].services
  const [first] = places[4].endpoints
  for (const port of [61, 62]) {
    world.serve('udp', service, port, first)
    await ask(service, port)
  }
  const [both] = entriesOf(service, 61)
  const [one] = entriesOf(service, 62)
  assert.ok(both && one)
  assert.deepEqual([both.zone, both.original.zone, both.mark], [7, undefined, 0x2a])
  assert.deepEqual([one.zone, one.original.zone, one.reply.zone, one.mark], [undefined, 8, undefined, undefined])
  const { zone, ...elsewhere } = both
  assert.equal(zone, 7)
  assert.equal(conntrack.delete(elsewhere), false)
  assert.equal(conntrack.delete(both), true)
  assert.equal(conntrack.delete(one), true)
})

test('a table of another namespace is another table', () => {
  using client = openConntrack(world.client)
  assert.deepEqual(client.list(), [])
  assert.equal(client.count(), 0)
})

/** false, and the test skipped, when nft is not installed: zones and marks are nothing that our own rules set. */
function nft(t: TestContext, rules: string): boolean {
  try {
    inNetns(world.node, () => execFileSync('nft', [rules], { stdio: 'pipe' }))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.skip('nft, which is to make the zones, is not installed')
    return false
  }
}

test('a slow list of many gives each of them, with its details', async () => {
  const { services, endpoints } = places[4]
  world.serve('udp', services[0], 99, endpoints[0])
  // One after another: a socket's buffer holds three hundred.
  for (let i = 0; i < 600; i++) await world.udpClient(4).ask(services[0], 99)
  const found = []
  let parts = 0
  for await (const some of conntrack.listSlowly()) {
    parts++
    found.push(...some.filter(({ original }) => original.destinationPort === 99))
  }
  assert.equal(new Set(found.map(({ original }) => original.sourcePort)).size, 600)
  assert.ok(found.every(({ details }) => details !== undefined))
  assert.ok(parts > 1, `${parts} parts`)
})
