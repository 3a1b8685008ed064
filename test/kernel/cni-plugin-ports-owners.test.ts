import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../src/base/address.ts'
import { type HostPort } from '../../src/cni/network.ts'
import { createNetns } from '../../src/kernel/netns.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { deleteLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { families } from '../../src/proxy/layout/family.ts'
import { model } from '../../src/proxy/model.ts'
import { node as facts4, service, slice } from '../rows/services.ts'
import { all, askTcp, askUdp, serveTcp, serveUdp } from './cni-plugin-ports-world.ts'
import { dns, Node, web } from './cni-plugin-ports-node.ts'

test('who sends datagrams to a port goes on with the pod that has it now, and with nobody when it is gone', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const network = node.open()
  await using servers = all(serveUdp(a, 53, 'a'), serveUdp(b, 53, 'b'), serveUdp(node.ns, 5353, 'node'))
  // Always from one port: one connection for the kernel.
  const ask = (): Promise<string> => askUdp(node.outside, '192.0.2.1', 5353, 4000)
  assert.equal(await ask(), 'node 192.0.2.2')
  network.add({ id: 'a', netns: a, hostPorts: [dns] })
  assert.equal(await ask(), 'a 192.0.2.2')
  network.del('a')
  assert.equal(await ask(), 'node 192.0.2.2')
  network.add({ id: 'b', netns: b, hostPorts: [dns] })
  assert.equal(await ask(), 'b 192.0.2.2')
  assert.equal(servers.length, 3)
  network.close()
})

test('a thousand ports of one pod lead there, and go with it', async () => {
  using node = new Node()
  using a = createNetns()
  const network = node.open()
  await using servers = all(serveTcp(a, 2999, 'a'), serveUdp(a, 2999, 'a'), serveUdp(node.ns, 2999, 'node'))
  assert.equal(await askUdp(node.outside, '192.0.2.1', 2999, 4000), 'node 192.0.2.2')
  const hostPorts = Array.from({ length: 1000 }, (_, at) => {
    const port = { hostPort: 2000 + at, containerPort: 2000 + at }
    return [{ ...port, protocol: 'TCP' } as const, { ...port, protocol: 'UDP' } as const]
  }).flat()
  network.add({ id: 'a', netns: a, hostPorts })
  assert.equal(await askTcp(node.outside, '192.0.2.1', 2999), 'a 192.0.2.2')
  assert.equal(await askUdp(node.outside, '192.0.2.1', 2999, 4000), 'a 192.0.2.2')
  network.del('a')
  assert.equal(await askUdp(node.outside, '192.0.2.1', 2999, 4000), 'node 192.0.2.2')
  assert.equal(node.hasTable(), false)
  assert.equal(servers.length, 3)
  network.close()
})

test('a port that somebody has is refused with the name of who has it, and nothing is kept', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const network = node.open()
  network.add({ id: 'first', netns: a, hostPorts: [web, { ...dns, hostIP: address('192.0.2.1') }] })
  const other: HostPort = { hostPort: 9999, containerPort: 9999, protocol: 'TCP' }
  const add = (...hostPorts: HostPort[]): unknown =>
    network.add({ id: 'b', netns: b, hostPorts: [other, ...hostPorts] })
  for (const [port, word] of [
    [web, /port 8080\/TCP: eth0 of first has it/],
    [{ ...web, hostIP: address('192.0.2.1') }, /port 8080\/TCP of 192\.0\.2\.1: eth0 of first has it/],
    [{ ...web, hostIP: address('0.0.0.0') }, /eth0 of first/],
    [dns, /port 5353\/UDP: eth0 of first has it/],
  ] as const)
    assert.throws(() => add(port), { code: 'PortTaken', message: word })
  assert.throws(() => add({ ...web, hostIP: address('::') }), { code: 'NoAddress', message: /no IPv6 address/ })
  assert.throws(() => add({ ...other, containerPort: 1 }), { code: 'AskedTwice' })
  assert.deepEqual(
    network.list().map(({ id }) => id),
    ['first'],
  )
  await using servers = all(serveTcp(a, 80, 'a'))
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'a 192.0.2.2')
  assert.equal(await askTcp(node.outside, '192.0.2.1', 9999), 'refused')
  // The same number is somebody else's in another protocol, or at another address.
  add({ ...web, protocol: 'UDP' }, { ...dns, hostIP: address('127.0.0.1') })
  network.del('b')
  network.del('first')
  assert.equal(node.hasTable(), false)
  assert.equal(servers.length, 1)
  network.close()
})

test('ports outlive a restart of the agent with their pods, and go with the pods that a reboot took', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const first = node.open()
  first.add({ id: 'a', netns: a, hostPorts: [web] })
  const { hostDevice } = first.add({ id: 'b', netns: b, hostPorts: [dns] })
  first.close()
  using socket = openRouteSocket(node.ns)
  socket.apply(deleteLink(hostDevice))
  await using servers = all(serveTcp(a, 80, 'a'), serveUdp(node.ns, 5353, 'node'))
  const second = node.open()
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'a 192.0.2.2')
  assert.equal(await askTcp(node.ns, '127.0.0.1', 8080), 'a 100.96.1.1')
  assert.equal(await askUdp(node.outside, '192.0.2.1', 5353), 'node 192.0.2.2')
  assert.equal(second.add({ id: 'b', netns: b, hostPorts: [dns] }).hostDevice, hostDevice)
  second.del('a')
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'refused')
  second.del('b')
  assert.equal(node.hasTable(), false)
  assert.equal(servers.length, 2)
  second.close()
})

test('a node port of a service that is served comes before a pod’s port; without endpoints the pod has it', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const network = node.open()
  const { address: endpoint } = network.add({ id: 'a', netns: a })
  network.add({ id: 'b', netns: b, hostPorts: [web, { ...web, hostPort: 8081 }] })
  await using servers = all(serveTcp(a, 80, 'service'), serveTcp(b, 80, 'pod'))
  using nftables = openNftables(node.ns)
  const serve = (...endpoints: string[]): void => {
    const port = { name: 'http', port: 80, protocol: 'TCP', nodePort: 8080 } as const
    const services = [service('web', '100.64.0.20', [port], { type: 'NodePort' })]
    const at = [address('192.0.2.1')]
    const facts = { ...facts4, nodePortAddresses: at, addresses: at, masqueradeAll: false, counters: false }
    const before = nftables.read(families[4].table)
    nftables.apply(diff(before, model(services, [slice('web', endpoints, ['http:80'])], facts, before)))
  }
  serve(`${endpoint}@node1`)
  assert.match(await askTcp(node.outside, '192.0.2.1', 8080), /^service /)
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8081), 'pod 192.0.2.2')
  serve()
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'pod 192.0.2.2')
  assert.equal(servers.length, 2)
  network.close()
})
