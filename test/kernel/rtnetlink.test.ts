import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { address, cidr } from '../../src/base/address.ts'
import { NetlinkError } from '../../src/kernel/netlink/error.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { addAddress, deleteAddress } from '../../src/kernel/rtnetlink/address.ts'
import { addFdb, deleteFdb } from '../../src/kernel/rtnetlink/fdb.ts'
import { followNetwork, type News } from '../../src/kernel/rtnetlink/follow.ts'
import { deleteLink, setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { mac } from '../../src/kernel/rtnetlink/mac.ts'
import { deleteNeighbour, setNeighbour } from '../../src/kernel/rtnetlink/neighbour.ts'
import { addRoute, deleteRoute, replaceRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket, type RouteSocket } from '../../src/kernel/rtnetlink/socket.ts'

// `ip -j` is the oracle: what we wrote, it must read; what it shows, we must read.
const ip = (ns: Netns, ...args: string[]): Record<string, never>[] =>
  JSON.parse(inNetns(ns, () => execFileSync('ip', ['-j', '-d', ...args], { encoding: 'utf8' })) || '[]')

function world(body: (ns: Netns, socket: RouteSocket) => void): void {
  using ns = createNetns()
  using socket = openRouteSocket(ns)
  body(ns, socket)
}

const indexOf = (socket: RouteSocket, name: string): number => socket.link(name)?.index ?? assert.fail(`no ${name}`)

test('a bridge keeps the Ethernet address it was made with', () =>
  world((ns, socket) => {
    socket.apply(addLink({ kind: 'bridge', name: 'cbr0', mac: mac('0a:58:64:60:01:01'), mtu: 1400, up: true }))
    const [seen] = ip(ns, 'link', 'show', 'cbr0') as never as { address: string; mtu: number; linkinfo: object }[]
    assert.equal(seen?.address, '0a:58:64:60:01:01')
    assert.equal(seen?.mtu, 1400)
    socket.apply(addLink({ kind: 'veth', name: 'veth1', mac: mac('02:00:00:00:00:01'), peer: { name: 'p1' } }))
    socket.apply(setLink('veth1', { master: indexOf(socket, 'cbr0') }))
    assert.equal(socket.link('cbr0')?.mac, '0a:58:64:60:01:01')
  }))

test('a veth pair has its peer in another namespace and its own end on the bridge', () =>
  world((ns, socket) => {
    using pod = createNetns()
    using inside = openRouteSocket(pod)
    socket.apply(addLink({ kind: 'bridge', name: 'cbr0', up: true }))
    const master = indexOf(socket, 'cbr0')
    socket.apply(
      addLink({
        kind: 'veth',
        name: 'veth1',
        master,
        mtu: 1450,
        peer: { name: 'eth0', ns: pod, mac: mac('0a:58:64:60:01:02'), mtu: 1450 },
      }),
      setLink('veth1', { ipv6LinkLocal: false, alias: 'who is it' }),
      setLink('veth1', { up: true, port: { hairpin: true } }),
    )
    const eth0 = inside.link('eth0') ?? assert.fail()
    inside.apply(setLink(eth0.index, { up: true }))
    const veth = socket.link('veth1') ?? assert.fail()
    assert.equal(eth0.mac, '0a:58:64:60:01:02')
    assert.equal(eth0.mtu, 1450)
    assert.equal(eth0.peer?.index, veth.index)
    assert.equal(veth.master, master)
    assert.equal(veth.alias, 'who is it')
    assert.deepEqual(veth.port, { hairpin: true, learning: true, isolated: false, forwarding: true })
    assert.deepEqual(
      socket.links({ master }).map((link) => link.name),
      ['veth1'],
    )
    const [seen] = ip(ns, 'link', 'show', 'veth1') as never as {
      ifalias: string
      linkinfo: { info_slave_data: { hairpin: boolean } }
      inet6_addr_gen_mode: string
    }[]
    assert.equal(seen?.ifalias, 'who is it')
    assert.equal(seen?.linkinfo.info_slave_data.hairpin, true)
    assert.equal(seen?.inet6_addr_gen_mode, 'none')
    socket.apply(deleteLink('veth1'))
    assert.equal(inside.link('eth0'), undefined)
  }))

test('a link can be renamed, moved, taken down and off its bridge', () =>
  world((ns, socket) => {
    using other = createNetns()
    using there = openRouteSocket(other)
    socket.apply(addLink({ kind: 'bridge', name: 'br0' }), addLink({ kind: 'veth', name: 'a', peer: { name: 'b' } }))
    const a = indexOf(socket, 'a')
    socket.apply(setLink(a, { master: indexOf(socket, 'br0'), up: true, mtu: 1300 }))
    assert.equal(socket.link('a')?.up, true)
    socket.apply(setLink(a, { up: false, master: null, name: 'c', mac: mac('02:00:00:00:00:09') }))
    const c = socket.link('c') ?? assert.fail()
    assert.deepEqual([c.index, c.up, c.master, c.mtu, c.mac], [a, false, undefined, 1300, '02:00:00:00:00:09'])
    socket.apply(setLink(a, { ns: other }))
    assert.equal(socket.link('c'), undefined)
    assert.equal(there.link('c')?.mac, '02:00:00:00:00:09')
    assert.ok(ip(ns, 'link').length === 3)
  }))

test('a vxlan device has its id, port, address and learning, and forwards to whom it is told', () =>
  world((ns, socket) => {
    const spec = { kind: 'vxlan', name: 'vx', id: 7, port: 8472, local: address('10.0.0.1'), learning: false } as const
    socket.apply(addLink({ ...spec, up: true }))
    const link = socket.link('vx') ?? assert.fail()
    assert.deepEqual(link.vxlan, { id: 7, port: 8472, local: '10.0.0.1', learning: false })
    const [seen] = ip(ns, 'link', 'show', 'vx') as never as { linkinfo: { info_data: Record<string, unknown> } }[]
    const data = seen?.linkinfo.info_data ?? {}
    assert.deepEqual([data['id'], data['port'], data['local'], data['learning']], [7, 8472, '10.0.0.1', false])
    const entry = { index: link.index, mac: mac('02:00:00:00:00:07'), remote: address('10.0.0.2') }
    socket.apply(addFdb(entry))
    assert.deepEqual(socket.fdb({ port: link.index }), [{ ...entry, state: 'permanent' }])
    const shown = inNetns(ns, () => execFileSync('bridge', ['-j', 'fdb', 'show', 'dev', 'vx'], { encoding: 'utf8' }))
    assert.equal(JSON.parse(shown)[0].dst, '10.0.0.2')
    socket.apply(deleteFdb(entry))
    assert.deepEqual(socket.fdb({ port: link.index }), [])
  }))

test('addresses, routes and neighbours are what ip shows', () =>
  world((ns, socket) => {
    socket.apply(addLink({ kind: 'veth', name: 'e', up: true, peer: { name: 'f' } }), setLink('f', { up: true }))
    const index = indexOf(socket, 'e')
    const own = { index, address: address('192.168.50.11'), prefix: 24 }
    const six = { index, address: address('fd00::11'), prefix: 64 }
    const to = cidr('100.96.2.0/24')
    const via = address('192.168.50.12')
    socket.apply(
      addAddress(own),
      addAddress(six),
      addRoute({ to: cidr('0.0.0.0/0'), via: address('192.168.50.1') }),
      addRoute({ to, via, protocol: 96 }),
      addRoute({ to: cidr('10.9.0.0/16'), kind: 'blackhole' }),
      addRoute({ to: cidr('fd01::/64'), via: address('fd00::1'), protocol: 96 }),
      addRoute({ to: cidr('10.8.0.0/16'), index, table: 1000, source: own.address, priority: 5 }),
      setNeighbour({ index, address: via, mac: mac('02:00:00:00:00:12') }),
    )
    assert.deepEqual(
      socket.addresses(index).filter((one) => one.prefix !== 64 || one.address === six.address),
      [own, six],
    )
    const table = 254
    assert.deepEqual(socket.routes({ protocol: 96, family: 4 }), [
      { to, kind: 'unicast', protocol: 96, table, via, index },
    ])
    assert.deepEqual(
      socket.routes({ protocol: 96, family: 6 }).map((route) => route.via),
      ['fd00::1'],
    )
    assert.deepEqual(socket.routes({ table: 1000, family: 4 }), [
      { to: cidr('10.8.0.0/16'), kind: 'unicast', protocol: 4, table: 1000, index, priority: 5, source: own.address },
    ])
    const shown = ip(ns, 'route') as never as {
      dst: string
      gateway?: string
      protocol: string
      type: string
      scope: string
    }[]
    const ours = socket
      .routes({ family: 4 })
      .map((route) => `${route.to.address}/${route.to.prefix} ${route.via ?? ''}`)
    assert.deepEqual(
      ours.toSorted(),
      shown.map((one) => `${one.dst === 'default' ? '0.0.0.0/0' : one.dst} ${one.gateway ?? ''}`).toSorted(),
    )
    const two = shown.find((one) => one.dst === '100.96.2.0/24')
    assert.deepEqual([two?.protocol, two?.gateway, two?.type, two?.scope], ['96', via, 'unicast', 'global'])
    assert.deepEqual(
      socket.neighbours(index).filter((one) => one.state === 'permanent'),
      [{ index, address: via, mac: '02:00:00:00:00:12', state: 'permanent' }],
    )
    assert.deepEqual(socket.routeTo({ to: address('100.96.2.9') }), {
      to: cidr('100.96.2.9/32'),
      kind: 'unicast',
      protocol: 0,
      table,
      via,
      index,
      source: own.address,
    })
    assert.deepEqual(socket.routeTo({ to: address('100.96.2.9'), entry: true })?.to, to)
    assert.equal(socket.routeTo({ to: address('10.9.1.1') }), undefined)
    socket.apply(replaceRoute({ to, via: address('192.168.50.13'), protocol: 96 }))
    assert.equal(socket.routes({ protocol: 96, family: 4 })[0]?.via, '192.168.50.13')
    socket.apply(
      deleteRoute({ to, protocol: 96 }),
      deleteRoute({ to: cidr('10.9.0.0/16'), kind: 'blackhole' }),
      deleteNeighbour({ index, address: via }),
      deleteAddress(six),
    )
    socket.apply(deleteRoute({ to: cidr('0.0.0.0/0') }), deleteAddress(own))
    assert.deepEqual(socket.routes({ family: 4 }), [])
  }))

test('a refusal says which request it was and what the kernel thinks', () =>
  world((_ns, socket) => {
    socket.apply(addLink({ kind: 'bridge', name: 'br0' }))
    const [first, second, third] = socket.tryApply([
      addLink({ kind: 'bridge', name: 'br0' }),
      addLink({ kind: 'bridge', name: 'br1' }),
      addRoute({ to: cidr('10.0.0.0/8'), via: address('1.2.3.4') }),
    ])
    assert.equal(first?.message, 'kernel: add bridge br0: EEXIST')
    assert.equal(second, undefined)
    assert.match(
      third?.message ?? '',
      /add route 10\.0\.0\.0\/8 via 1\.2\.3\.4: ENETUNREACH: Nexthop has invalid gateway/,
    )
    assert.throws(() => socket.apply(deleteLink('nobody')), NetlinkError)
    socket.ensure(deleteLink('nobody'), addLink({ kind: 'bridge', name: 'br0' }))
  }))

test('whoever follows the network hears of links, addresses, routes and learned neighbours', async () => {
  using ns = createNetns()
  using socket = openRouteSocket(ns)
  const heard: News[] = []
  let wake: () => void = () => {}
  const stop = followNetwork({
    ns,
    kinds: ['link', 'address', 'route', 'neighbour'],
    onNews: (news) => {
      heard.push(...news)
      wake()
    },
    onLost: () => assert.fail('lost'),
  })
  const until = async (what: (news: News) => boolean): Promise<void> => {
    while (!heard.some(what)) await new Promise<void>((resolve) => (wake = resolve))
  }
  try {
    socket.apply(addLink({ kind: 'veth', name: 'e', up: true, peer: { name: 'f' } }), setLink('f', { up: true }))
    const index = indexOf(socket, 'e')
    socket.apply(addAddress({ index, address: address('10.0.0.1'), prefix: 24 }))
    socket.apply(addRoute({ to: cidr('10.1.0.0/16'), via: address('10.0.0.2'), protocol: 96 }))
    socket.apply(deleteRoute({ to: cidr('10.1.0.0/16'), protocol: 96 }))
    socket.apply(setNeighbour({ index, address: address('10.0.0.2'), mac: mac('02:00:00:00:00:02') }))
    socket.apply(deleteLink(index))
    await until((one) => one.kind === 'link' && !one.gone && one.link.name === 'e')
    await until((one) => one.kind === 'address' && !one.gone && one.address.address === '10.0.0.1')
    await until((one) => one.kind === 'route' && !one.gone && one.route.protocol === 96)
    await until((one) => one.kind === 'route' && one.gone && one.route.protocol === 96)
    await until((one) => one.kind === 'neighbour' && one.neighbour.mac === '02:00:00:00:00:02')
    await until((one) => one.kind === 'link' && one.gone && one.link.name === 'e')
  } finally {
    stop()
  }
})
