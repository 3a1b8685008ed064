import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { test } from 'node:test'
import { address, cidr } from '../../src/base/address.ts'
import { macOf } from '../../src/cni/names.ts'
import { type HostPort } from '../../src/cni/network.ts'
import { createNetns } from '../../src/kernel/netns.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { openPacketSocket } from '../../src/kernel/packet.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { bindUdp } from '../../src/kernel/socket.ts'
import { readSysctl } from '../../src/kernel/sysctl.ts'
import { sendFrame } from './cni-plugin-frames.ts'
import { all, askTcp, askUdp, serveTcp, serveUdp } from './cni-plugin-ports-world.ts'
import { type Flight, read, write } from './packet-bytes.ts'
import { sendRaw } from './raw-socket.ts'
import { dns, hostPorts, Node, web } from './cni-plugin-ports-node.ts'

test('a port of the node leads to the pod: from outside, from the node, from its 127.0.0.1, from pods, and from the pod itself', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const network = node.open()
  network.add({ id: 'a', netns: a, hostPorts: [web, { ...web, protocol: 'UDP' }] })
  network.add({ id: 'b', netns: b })
  await using servers = all(serveTcp(a, 80, 'a'), serveUdp(a, 80, 'a'))
  for (const ask of [askTcp, askUdp]) {
    assert.equal(await ask(node.outside, '192.0.2.1', 8080), 'a 192.0.2.2')
    assert.equal(await ask(node.ns, '192.0.2.1', 8080), 'a 192.0.2.1')
    assert.equal(await ask(node.ns, '127.0.0.1', 8080), 'a 100.96.1.1')
    assert.equal(await ask(node.ns, '127.3.2.1', 8080), 'a 100.96.1.1')
    assert.equal(await ask(b, '192.0.2.1', 8080), 'a 100.96.1.3')
    assert.equal(await ask(b, '100.96.1.1', 8080), 'a 100.96.1.3')
    assert.equal(await ask(a, '192.0.2.1', 8080), 'a 100.96.1.1')
    assert.equal(await ask(node.outside, '192.0.2.1', 8081), 'refused')
  }
  network.del('a')
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'refused')
  assert.equal(await askTcp(node.ns, '127.0.0.1', 8080), 'refused')
  assert.equal(node.hasTable(), false)
  assert.equal(readSysctl('net.ipv4.conf.cbr0.route_localnet', node.ns), '0')
  assert.equal(servers.length, 2)
  network.close()
})

test('the same with IPv6, whose ::1 stays what the node listens on', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const network = node.open(cidr('fd00:96:1::/64'))
  network.add({ id: 'a', netns: a, hostPorts: [web, { ...web, protocol: 'UDP' }] })
  network.add({ id: 'b', netns: b })
  await using servers = all(
    serveTcp(a, 80, 'a', '::'),
    serveUdp(a, 80, 'a', '::'),
    serveTcp(node.ns, 8080, 'node', '::'),
  )
  for (const ask of [askTcp, askUdp]) {
    assert.equal(await ask(node.outside, 'fd00:99::1', 8080), 'a fd00:99::2')
    assert.equal(await ask(node.ns, 'fd00:99::1', 8080), 'a fd00:99::1')
    assert.equal(await ask(b, 'fd00:99::1', 8080), 'a fd00:96:1::3')
    assert.equal(await ask(a, 'fd00:99::1', 8080), 'a fd00:96:1::1')
  }
  assert.equal(await askTcp(node.ns, '::1', 8080), 'node ::1')
  assert.throws(() =>
    network.add({ id: 'c', netns: b, ifname: 'eth1', hostPorts: [{ ...dns, hostIP: address('::1') }] }),
  )
  network.del('a')
  assert.equal(node.hasTable('ip6'), false)
  assert.equal(servers.length, 3)
  network.close()
})

test('hostIP is the only address that answers; 0.0.0.0 is all of them', async () => {
  using node = new Node()
  const network = node.open()
  using a = createNetns()
  using b = createNetns()
  using c = createNetns()
  const at = (hostIP: string, more: Partial<HostPort> = {}): HostPort => ({ ...web, ...more, hostIP: address(hostIP) })
  network.add({ id: 'a', netns: a, hostPorts: [at('192.0.2.1'), at('0.0.0.0', { hostPort: 8090 })] })
  network.add({ id: 'b', netns: b, hostPorts: [at('127.0.0.1')] })
  network.add({ id: 'c', netns: c, hostPorts: [at('198.51.100.7')] })
  await using servers = all(serveTcp(a, 80, 'a'), serveTcp(b, 80, 'b'), serveTcp(c, 80, 'c'))
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'a 192.0.2.2')
  assert.equal(await askTcp(node.ns, '127.0.0.1', 8080), 'b 100.96.1.1')
  assert.equal(await askTcp(node.ns, '100.96.1.1', 8080), 'refused')
  assert.equal(await askTcp(node.ns, '127.0.0.2', 8080), 'refused')
  assert.equal(await askTcp(node.ns, '127.0.0.1', 8090), 'a 100.96.1.1')
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8090), 'a 192.0.2.2')
  // An address that the node gets later.
  using socket = openRouteSocket(node.ns)
  const { index } = socket.link('up0') ?? assert.fail()
  assert.equal(await askTcp(node.ns, '198.51.100.7', 8080), 'unreachable')
  socket.apply(addAddress({ index, address: address('198.51.100.7'), prefix: 32 }))
  assert.equal(await askTcp(node.ns, '198.51.100.7', 8080), 'c 198.51.100.7')
  for (const id of ['a', 'b', 'c']) network.del(id)
  assert.equal(node.hasTable(), false)
  assert.equal(servers.length, 3)
  network.close()
})

test('only packets to the node are meant: the same port of anybody else stays theirs', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const network = node.open()
  network.add({ id: 'a', netns: a, hostPorts: [web] })
  const { address: theirs } = network.add({ id: 'b', netns: b })
  await using servers = all(serveTcp(a, 80, 'a'), serveTcp(b, 8080, 'b'), serveTcp(node.outside, 8080, 'outside'))
  assert.equal(await askTcp(node.ns, theirs, 8080), 'b 100.96.1.1')
  assert.equal(await askTcp(a, theirs, 8080), 'b 100.96.1.2')
  assert.equal(await askTcp(node.ns, '192.0.2.2', 8080), 'outside 192.0.2.1')
  assert.equal(servers.length, 3)
  network.close()
})

test('a pod cannot use it to reach what the node offers to itself alone', async () => {
  using node = new Node()
  using a = createNetns()
  const network = node.open()
  const { mac, address: from } = network.add({ id: 'a', netns: a, hostPorts: [web] })
  assert.equal(readSysctl('net.ipv4.conf.cbr0.route_localnet', node.ns), '1')
  const secret = createSocket('udp4')
  secret.bind({ fd: bindUdp(node.ns, address('127.0.0.1'), 9000) })
  const heard: string[] = []
  const heardLast = new Promise<void>((resolve) => {
    secret.on('message', (message) => {
      heard.push(message.toString('latin1'))
      if (heard.at(-1)?.endsWith('\x03')) resolve()
    })
  })
  const send = (id: number): void => {
    const to = address('127.0.0.1')
    const packet = write({ from, sourcePort: 7, to, port: 9000, protocol: 'UDP', id })
    sendFrame(a, 'eth0', { from: mac, to: macOf(network.bridge.gateway), packet })
  }
  send(1)
  // Nothing but these rules stands in the way, and datagrams keep their order.
  using nftables = openNftables(node.ns)
  nftables.apply({ table: hostPorts, ops: [{ op: 'flush chain', chain: 'loopback-guard' }] })
  send(3)
  await heardLast
  assert.deepEqual(heard, ['\0\0\0\x03'])
  secret.close()
  network.close()
})

test('SCTP arrives translated, too', async () => {
  using node = new Node()
  using a = createNetns()
  const network = node.open()
  network.add({ id: 'a', netns: a, hostPorts: [{ hostPort: 3868, containerPort: 3869, protocol: 'SCTP' }] })
  using seen = openPacketSocket({ ns: a, device: 'eth0', outgoing: false })
  const arrived = new Promise<Flight>((resolve) => {
    seen.follow((packets) => {
      for (const packet of packets) {
        const sign = packet.protocol === 0x0800 ? read(packet.bytes) : undefined
        if (sign?.is === 'arrival') resolve(sign.flight)
      }
    })
  })
  const to = address('192.0.2.1')
  const sender = sendRaw(node.outside)
  sender.send(write({ from: address('192.0.2.2'), sourcePort: 5000, to, port: 3868, protocol: 'SCTP', id: 7 }), to)
  const { from, to: at, port, protocol } = await arrived
  assert.deepEqual([from, at, port, protocol], ['192.0.2.2', '100.96.1.2', 3869, 'SCTP'])
  sender.close()
  network.close()
})
