import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import type { Change, Client, FollowOptions } from '../../src/api/client/client.ts'
import type { Node } from '../../src/api/objects/node.ts'
import { type Address, address, cidr, formatCidr } from '../../src/base/address.ts'
import { openPodNetwork } from '../../src/cni/network.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { echo } from '../../src/kernel/ping.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { followNetwork } from '../../src/kernel/rtnetlink/follow.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { addRoute, deleteRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket, type RouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { connectTcp, listenTcp } from '../../src/kernel/socket.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import { RTPROT_KUBEHOP } from '../../src/routes/diff.ts'
import { startRoutes } from '../../src/routes/start.ts'

const log = pino({ level: 'silent' })

/** The Client contract over a list that the test changes by hand. */
function nodesByHand(...first: Node[]): { client: Pick<Client, 'follow'>; emit: (change: Change<Node>) => void } {
  let options: FollowOptions<Node> = {}
  const follow = (_kind: string, given: FollowOptions<Node>) => {
    options = given
    const synced = Promise.resolve().then(() => {
      for (const object of first) options.onChange?.({ type: 'added', object })
      options.onBatch?.()
    })
    return { synced, get: () => undefined, list: () => [], close: () => {} }
  }
  const emit = (change: Change<Node>): void => {
    options.onChange?.(change)
    options.onBatch?.()
  }
  return { client: { follow: follow as never }, emit }
}

function node(number: number): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `node${number}` },
    spec: { podCIDR: `100.96.${number}.0/24` },
    status: { addresses: [{ type: 'InternalIP', address: `192.168.50.${10 + number}` }] },
  }
}

/** A wire (bridge), a router at .1 and machines at .11, .12 on it. */
class Wire implements Disposable {
  readonly ns: Netns = createNetns()
  readonly socket: RouteSocket = openRouteSocket(this.ns)
  readonly bridge: number
  readonly #held: Disposable[] = []
  constructor() {
    this.socket.apply(addLink({ kind: 'bridge', name: 'wire', up: true }))
    this.bridge = this.socket.link('wire')?.index ?? assert.fail()
  }
  machine(name: string, ip: Address, gateway?: Address): { ns: Netns; socket: RouteSocket } {
    const ns = createNetns()
    const socket = openRouteSocket(ns)
    this.#held.push(socket, ns)
    this.socket.apply(addLink({ kind: 'veth', name, master: this.bridge, up: true, peer: { name: 'eth0', ns } }))
    const index = socket.link('eth0')?.index ?? assert.fail()
    socket.apply(setLink(index, { up: true }), addAddress({ index, address: ip, prefix: 24 }))
    // Both ends are up only now; until the kernel has seen to the cable it drops what is sent.
    this.socket.settle(name)
    socket.settle('eth0')
    if (gateway !== undefined) socket.apply(addRoute({ to: cidr('0.0.0.0/0'), via: gateway }))
    return { ns, socket }
  }
  [Symbol.dispose](): void {
    for (const one of this.#held) one[Symbol.dispose]()
    this.socket.close()
    this.ns.close()
  }
}

const router = address('192.168.50.1')
const ours = (socket: RouteSocket): string[] =>
  socket.routes({ protocol: RTPROT_KUBEHOP, family: 4 }).map((route) => `${formatCidr(route.to)} via ${route.via}`)

/** Resolves when the kernel has told of a route (made, not taken away) to the range. */
async function routeMade(ns: Netns, range: string, act: () => void): Promise<void> {
  let stop: () => void = () => {}
  await new Promise<void>((resolve) => {
    stop = followNetwork({
      ns,
      kinds: ['route'],
      onNews: (news) => {
        if (news.some((one) => one.kind === 'route' && !one.gone && formatCidr(one.route.to) === range)) resolve()
      },
      onLost: () => assert.fail('lost'),
    })
    act()
  })
  stop()
}

test('pods of two nodes reach each other through the router, and see each other’s own address', async () => {
  using wire = new Wire()
  const { ns: table, socket } = wire.machine('router', router)
  writeSysctl('net.ipv4.ip_forward', 1, table)
  const { client } = nodesByHand(node(1), node(2))
  const routes = startRoutes({ client, ns: table, log })
  await routes.synced
  assert.deepEqual(ours(socket), ['100.96.1.0/24 via 192.168.50.11', '100.96.2.0/24 via 192.168.50.12'])
  const pods = [1, 2].map((number) => {
    const { ns } = wire.machine(`node${number}`, address(`192.168.50.${10 + number}`), router)
    const stateDir = mkdtempSync(join(tmpdir(), 'routes-'))
    const network = openPodNetwork({ podCidr: cidr(`100.96.${number}.0/24`), stateDir, ns, log })
    const netns = createNetns()
    const attachment = network.add({ id: 'pod', netns })
    network.close()
    rmSync(stateDir, { recursive: true })
    return { netns, address: attachment.address }
  })
  const [a, b] = pods as [(typeof pods)[0], (typeof pods)[0]]
  const server = createServer((peer) => peer.end(peer.remoteAddress ?? ''))
  server.listen({ fd: listenTcp(b.netns, b.address, 80) })
  const [seen] = (await once(
    connectTcp({ ns: a.netns, address: b.address, port: 80 }).setEncoding('utf8'),
    'data',
  )) as [string]
  assert.equal(seen, a.address)
  server.close()
  await once(server, 'close')
  assert.equal((await echo({ ns: a.netns, to: b.address, timeoutMs: 5000 })).answer, 'reply')
  // Nobody has this range: the router sends it to its own default gateway, and has none.
  assert.deepEqual(await echo({ ns: a.netns, to: address('100.96.9.9'), timeoutMs: 5000 }), {
    answer: 'unreachable',
    from: router,
    code: 0,
  })
  for (const pod of pods) pod.netns.close()
  routes.close()
})

test('routes follow the nodes: new ones get one, departed ones lose theirs, others’ routes stay', async () => {
  using wire = new Wire()
  const { ns, socket } = wire.machine('router', router)
  socket.apply(
    addRoute({ to: cidr('10.0.0.0/8'), via: address('192.168.50.200') }),
    addRoute({ to: cidr('100.96.7.0/24'), via: address('192.168.50.17'), protocol: RTPROT_KUBEHOP }),
  )
  const { client, emit } = nodesByHand(node(1))
  const routes = startRoutes({ client, ns, log })
  await routes.synced
  assert.deepEqual(ours(socket), ['100.96.1.0/24 via 192.168.50.11'])
  emit({ type: 'added', object: node(2) })
  const moved = { ...node(1), status: { addresses: [{ type: 'InternalIP', address: '192.168.50.21' }] } }
  emit({ type: 'modified', object: moved, old: node(1) })
  assert.deepEqual(ours(socket), ['100.96.1.0/24 via 192.168.50.21', '100.96.2.0/24 via 192.168.50.12'])
  emit({ type: 'deleted', object: moved })
  assert.deepEqual(ours(socket), ['100.96.2.0/24 via 192.168.50.12'])
  assert.ok(socket.routes({ family: 4 }).some((route) => formatCidr(route.to) === '10.0.0.0/8'))
  routes.close()
  assert.deepEqual(ours(socket), ['100.96.2.0/24 via 192.168.50.12'])
})

test('a route that someone removes, or that goes with its link, comes back', async () => {
  using wire = new Wire()
  const { ns, socket } = wire.machine('router', router)
  const { client } = nodesByHand(node(1), node(2))
  const routes = startRoutes({ client, ns, log })
  await routes.synced
  const before = ours(socket)
  await routeMade(ns, '100.96.2.0/24', () => socket.apply(deleteRoute({ to: cidr('100.96.2.0/24') })))
  assert.deepEqual(ours(socket), before)
  await routeMade(ns, '100.96.2.0/24', () => {
    socket.apply(setLink('eth0', { up: false }))
    assert.deepEqual(ours(socket), [])
    socket.apply(setLink('eth0', { up: true }))
  })
  assert.deepEqual(ours(socket), before)
  routes.close()
})

test('on a node, its own range gets no route', async () => {
  using wire = new Wire()
  const { ns, socket } = wire.machine('node1', address('192.168.50.11'))
  const { client } = nodesByHand(node(1), node(2))
  const routes = startRoutes({ client, ns, self: 'node1', log })
  await routes.synced
  assert.deepEqual(ours(socket), ['100.96.2.0/24 via 192.168.50.12'])
  routes.close()
})
