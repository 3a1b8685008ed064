// The address of a node's own resolver: there while somebody holds it, and left alone by connection tracking.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { type Address, address, cidr, family } from '../../src/base/address.ts'
import { holdNodeAddress, nodeLink } from '../../src/dns/node/hold.ts'
import { nodeRules } from '../../src/dns/node/rules.ts'
import { openConntrack } from '../../src/kernel/conntrack/socket.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { addAddress, deleteAddress } from '../../src/kernel/rtnetlink/address.ts'
import { addRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { bindUdp, connectTcp, listenTcp } from '../../src/kernel/socket.ts'
import { ConntrackWorld, places } from './conntrack-world.ts'

const world = new ConntrackWorld()
const { node: ns, client } = world
const own = { 4: address('169.254.20.10'), 6: address('fd00:20::10') }
const port = 53
{
  using there = openRouteSocket(client)
  there.apply(
    addRoute({ to: cidr(`${own[4]}/32`), via: places[4].node }),
    addRoute({ to: cidr(`${own[6]}/128`), via: places[6].node }),
  )
}
after(() => world[Symbol.asyncDispose]())

/** What this node has beside what it always has. */
function left(): string[] {
  using socket = openRouteSocket(ns)
  using nftables = openNftables(ns)
  const tables = Object.values(own).flatMap((one) => (nftables.read(nodeRules(one, port).table) ? ['table'] : []))
  return [...socket.links().flatMap(({ name }) => (name === nodeLink ? [name] : [])), ...tables]
}

const linkIndex = (name: string): number => {
  using socket = openRouteSocket(ns)
  return socket.link(name)?.index ?? assert.fail(`no ${name}`)
}

/** Says `yes` to whoever asks there over UDP. */
function serveUdp(at: Address, on: number): { close(): void } {
  const server = createSocket(family(at) === 4 ? 'udp4' : 'udp6')
  server.on('message', (_message, from) => server.send('yes', from.port, from.address))
  server.bind({ fd: bindUdp(ns, at, on) })
  return server
}

async function askUdp(from: typeof ns, to: Address, on: number): Promise<string> {
  const version = family(to)
  const socket = createSocket(version === 4 ? 'udp4' : 'udp6')
  socket.bind({ fd: bindUdp(from, address(version === 4 ? '0.0.0.0' : '::'), 0) })
  // A datagram may be lost on the way, while the machine is busy with everything else.
  const again = setInterval(() => socket.send('?'), 1000)
  try {
    socket.connect(on, to)
    await once(socket, 'connect')
    socket.send('?')
    const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(20_000) })) as [Buffer]
    return message.toString()
  } finally {
    clearInterval(again)
    socket.close()
  }
}

for (const version of [4, 6] as const)
  test(`IPv${version}: no connection is remembered of questions to the node's own resolver`, async () => {
    const at = own[version]
    const held = holdNodeAddress({ address: at, port, ns })
    const servers = [serveUdp(at, port), serveUdp(at, 54)]
    const tcp = createServer((socket) => socket.end('yes'))
    tcp.listen({ fd: listenTcp(ns, at, port) })
    using conntrack = openConntrack(ns)
    const known = (): unknown[] =>
      conntrack.list({ destination: at }).map(({ protocol, original }) => [protocol, original.destinationPort])
    try {
      assert.equal(await askUdp(client, at, port), 'yes')
      assert.equal(await askUdp(ns, at, port), 'yes')
      const [data] = (await once(connectTcp({ ns: client, address: at, port }).setEncoding('utf8'), 'data')) as [string]
      assert.equal(data, 'yes')
      assert.deepEqual(known(), [])
      // Others are: the kernel does look.
      assert.equal(await askUdp(client, at, 54), 'yes')
      assert.deepEqual(known(), [[17, 54]])
    } finally {
      for (const server of servers) server.close()
      tcp.close()
      held.close()
    }
    assert.deepEqual(left(), [])
  })

test('a second resolver is refused, and the first one is not harmed', async () => {
  const held = holdNodeAddress({ address: own[4], port, ns })
  const server = serveUdp(own[4], port)
  try {
    assert.throws(() => holdNodeAddress({ address: own[4], port, ns }), { code: 'Running', message: /end it first/ })
    assert.equal(await askUdp(client, own[4], port), 'yes')
  } finally {
    server.close()
    held.close()
  }
  assert.deepEqual(left(), [])
})

test('an address that another device has is left to it', () => {
  const eth0 = { index: linkIndex('eth0'), address: own[4], prefix: 32 }
  using socket = openRouteSocket(ns)
  socket.apply(addAddress(eth0))
  try {
    assert.throws(() => holdNodeAddress({ address: own[4], port, ns }), { code: 'Taken', message: /eth0 of this node/ })
    assert.deepEqual(left(), [])
  } finally {
    socket.apply(deleteAddress(eth0))
  }
})

test('what a killed resolver left refuses questions at once, and the next resolver takes it over', async () => {
  // The rules go with the process in any case: all that is left is the device.
  holdNodeAddress({ address: own[4], port, ns, keep: true }).close()
  assert.deepEqual(left(), [nodeLink])
  await assert.rejects(askUdp(client, own[4], port), { code: 'ECONNREFUSED' })
  const other = address('169.254.20.11')
  const held = holdNodeAddress({ address: other, port, ns })
  {
    using socket = openRouteSocket(ns)
    const addresses = socket.addresses(linkIndex(nodeLink)).filter((one) => one.index === linkIndex(nodeLink))
    assert.deepEqual(
      addresses.map((one) => one.address),
      [other],
    )
  }
  held.close()
  assert.deepEqual(left(), [])
})
