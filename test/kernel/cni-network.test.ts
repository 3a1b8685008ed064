import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { address, cidr, type Address } from '../../src/base/address.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { echo } from '../../src/kernel/ping.ts'
import { deleteLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { connectTcp, listenTcp } from '../../src/kernel/socket.ts'
import { readSysctl } from '../../src/kernel/sysctl.ts'
import { Node } from './cni-network-node.ts'

async function talk(client: Netns, server: Netns, to: Address): Promise<string | undefined> {
  const listener = createServer((socket) => socket.end(socket.remoteAddress ?? ''))
  listener.listen({ fd: listenTcp(server, to, 80) })
  try {
    const socket = connectTcp({ ns: client, address: to, port: 80 })
    const [data] = (await once(socket.setEncoding('utf8'), 'data')) as [string]
    socket.destroy()
    return data
  } finally {
    listener.close()
    await once(listener, 'close')
  }
}

test('two pods on a bridge reach each other and their node', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const network = node.open()
  const one = network.add({ id: 'a', netns: a })
  const two = network.add({ id: 'b', netns: b })
  assert.deepEqual(one, {
    id: 'a',
    ifname: 'eth0',
    address: '100.96.1.2',
    prefix: 24,
    gateway: '100.96.1.1',
    mac: '0a:58:64:60:01:02',
    hostDevice: 'veth1',
  })
  assert.deepEqual([two.address, two.hostDevice], ['100.96.1.3', 'veth2'])
  assert.equal(await talk(a, b, two.address), one.address)
  assert.equal(await talk(b, a, one.address), two.address)
  assert.equal(await talk(a, node.ns, one.gateway), one.address)
  assert.equal(await talk(node.ns, a, one.address), one.gateway)
  assert.equal(await talk(a, a, one.address), one.address)
  assert.equal((await echo({ ns: a, to: two.address, timeoutMs: 5000 })).answer, 'reply')
  assert.equal(
    (await echo({ ns: b, to: one.address, size: 1472, dontFragment: true, timeoutMs: 5000 })).answer,
    'reply',
  )
  const big = await echo({ ns: b, to: one.address, size: 1473, dontFragment: true, timeoutMs: 5000 })
  assert.deepEqual(big, { answer: 'not sent', code: 'EMSGSIZE' })
  // cbr0 asks every pod for an address that none has, and then says so.
  assert.deepEqual(await echo({ ns: node.ns, to: address('100.96.1.77'), timeoutMs: 30 }), { answer: 'none' })
  const bridge = node.socket.link('cbr0')
  assert.equal(bridge?.mac, '0a:58:64:60:01:01')
  const veth = node.socket.link('veth1')
  assert.deepEqual([veth?.port?.hairpin, veth?.master, veth?.alias], [true, bridge?.index, 'pod a eth0 100.96.1.2'])
  using inside = openRouteSocket(a)
  assert.equal(inside.routeTo({ to: address('8.8.8.8') })?.via, '100.96.1.1')
  for (const [name, value] of [
    ['net.ipv4.ip_forward', '1'],
    ['net.bridge.bridge-nf-call-iptables', '1'],
    ['net.ipv6.conf.cbr0.accept_ra', '0'],
    ['net.ipv4.conf.cbr0.route_localnet', '0'],
  ] as const)
    assert.equal(readSysctl(name, node.ns), value, name)
  network.close()
})

test('the same with IPv6', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const network = node.open(cidr('fd00:96:1::/64'))
  const one = network.add({ id: 'a', netns: a })
  const two = network.add({ id: 'b', netns: b })
  assert.deepEqual([one.address, one.gateway, one.prefix], ['fd00:96:1::2', 'fd00:96:1::1', 64])
  assert.equal(await talk(a, b, two.address), one.address)
  assert.equal(await talk(a, node.ns, one.gateway), one.address)
  assert.equal((await echo({ ns: a, to: two.address, timeoutMs: 5000 })).answer, 'reply')
  const far = await echo({ ns: a, to: address('fd00:77::1'), timeoutMs: 5000 })
  assert.deepEqual(far, { answer: 'unreachable', from: one.gateway, code: 0 })
  network.close()
  node.open(cidr('fd00:96:1::/64')).close()
})

test('cables that somebody took off the bridge are put back at the next start', async () => {
  using node = new Node()
  using a = createNetns()
  const first = node.open()
  const { address: to } = first.add({ id: 'a', netns: a })
  first.close()
  node.socket.apply(deleteLink('cbr0'))
  const second = node.open()
  assert.equal(second.get('a')?.address, to)
  assert.equal(await talk(node.ns, a, to), '100.96.1.1')
  assert.equal(retransmits(node.ns), 0)
  second.close()
})

test('200 pods made and removed leave nothing', async () => {
  using node = new Node()
  const network = node.open()
  const pods = Array.from({ length: 200 }, createNetns)
  for (const [index, netns] of pods.entries()) network.add({ id: `pod-${index}`, netns })
  assert.equal(network.list().length, 200)
  assert.equal(new Set(network.list().map((one) => one.address)).size, 200)
  const devices = network.list().map((one) => one.hostDevice)
  for (const index of pods.keys()) network.del(`pod-${index}`)
  assert.deepEqual(await node.left(...devices), [])
  for (const pod of pods) {
    using inside = openRouteSocket(pod)
    assert.deepEqual(
      inside.links().map((link) => link.name),
      ['lo'],
    )
    pod.close()
  }
  assert.deepEqual(node.leases(), [])
  network.close()
})

test('the first packet after a pod was connected is not lost', async () => {
  using node = new Node()
  using server = createNetns()
  const network = node.open()
  const { address: to } = network.add({ id: 'server', netns: server })
  const listener = createServer((socket) => socket.end('here'))
  listener.listen({ fd: listenTcp(server, to, 80) })
  for (let i = 0; i < 20; i++) {
    using netns = createNetns()
    network.add({ id: `p${i}`, netns })
    const before = retransmits(netns)
    const socket = connectTcp({ ns: netns, address: to, port: 80 })
    await once(socket.resume(), 'close')
    assert.equal(retransmits(netns) - before, 0)
    network.del(`p${i}`)
  }
  listener.close()
  await once(listener, 'close')
  network.close()
})

/** TCP segments that had to be sent again. */
function retransmits(ns: Netns): number {
  const lines = inNetns(ns, () => readFileSync('/proc/thread-self/net/snmp', 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
  const [names, values] = lines.map((line) => line.split(' '))
  return Number(values?.[names?.indexOf('RetransSegs') ?? -1])
}

test('a bridge of another kind, or with another address, is refused and left as it was', () => {
  using node = new Node()
  node.socket.apply(addLink({ kind: 'veth', name: 'cbr0', peer: { name: 'p' } }))
  assert.throws(() => node.open(), { code: 'NotABridge' })
  node.socket.apply(deleteLink('cbr0'))
  node.open().close()
  assert.throws(
    () => node.open(cidr('100.96.2.0/24')),
    /cni: set up cbr0: it has 100\.96\.1\.1\/24, not 100\.96\.2\.1\/24/,
  )
  node.open().close()
})

test('names on the node that others took are passed over', async () => {
  using node = new Node()
  using pod = createNetns()
  const network = node.open()
  node.socket.apply(addLink({ kind: 'veth', name: 'veth1', peer: { name: 'veth2' } }))
  assert.equal(network.add({ id: 'a', netns: pod }).hostDevice, 'veth3')
  network.del('a')
  assert.deepEqual((await node.left('veth3')).toSorted(), ['veth1', 'veth2'])
  network.close()
})
