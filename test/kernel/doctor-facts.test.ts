import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { address } from '../../src/base/address.ts'
import type { MachineFacts } from '../../src/doctor/facts.ts'
import { check as queueFull } from '../../src/doctor/findings/28-queue.ts'
import { view } from '../../src/doctor/findings/testing.ts'
import { gatherMachine } from '../../src/doctor/gather/machine.ts'
import { openConntrack } from '../../src/kernel/conntrack/socket.ts'
import { connectTcp } from '../../src/kernel/socket.ts'
import { waitingSockets } from '../../src/kernel/sockdiag/waiting.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import { factsOf } from './doctor-world.ts'
import { World } from './trace-world.ts'

let world: World
let facts: MachineFacts
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('near', 'node1', { app: 'web' })
  world.pod('far', 'node2', { app: 'web' })
  world.service('web', '100.64.0.21', 80, 8080, ['near'])
  world.teach()
  world.resolvConf = 'nameserver 100.64.0.10\n'
  for (const setting of ['acct', 'timestamp'])
    writeSysctl(`net.netfilter.nf_conntrack_${setting}`, 1, world.node('node1'))
  await world.web('near')
  await world.program(
    'near',
    `require('net').createServer().listen({ port: 7000, host: '::', ipv6Only: true }, () => console.log('ready'))`,
  )
  await world.program(
    'near',
    `require('dgram').createSocket('udp4').bind(5050, '127.0.0.1', () => console.log('ready'))`,
  )
  const trace = await world.trace('client', 'http://100.64.0.21/')
  assert.equal(trace.verdict, 'delivered')
  facts = await factsOf(world, 'node1', {
    'shop/client': { containers: [{ name: 'main' }], lastWords: async () => 'bye' },
  })
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const near = (): MachineFacts['pods'][number] => {
  const found = facts.pods.find(({ pod }) => pod === 'shop/near')
  assert.ok(found)
  return found
}

test('a machine tells its settings, links, addresses, routes and neighbours in the kernel’s words', () => {
  assert.deepEqual([facts.node, facts.kind, facts.unread], ['node1', 'node', []])
  assert.equal(facts.sysctls['net.ipv4.ip_forward'], '1')
  assert.equal(facts.sysctls['net.bridge.bridge-nf-call-iptables'], '1')
  assert.equal(facts.sysctls['net.ipv4.conf.eth0.rp_filter'], '0')
  const link = (name: string): MachineFacts['links'][number] | undefined => facts.links.find((one) => one.name === name)
  assert.deepEqual(link('cbr0')?.addresses.slice(0, 1), ['100.96.1.1/24'])
  assert.deepEqual([link('cbr0')?.kind, link('cbr0')?.mtu, link('cbr0')?.up], ['bridge', 1500, true])
  const cable = link(near().hostDevice ?? '')
  assert.deepEqual(
    [cable?.kind, cable?.bridge, cable?.hairpin, cable?.forwarding, cable?.carrier, cable?.pod],
    ['veth', 'cbr0', true, true, true, 'shop/near'],
  )
  assert.ok(facts.routes.some(({ to, via, device }) => to === 'default' && via === '192.168.50.1' && device === 'eth0'))
  assert.ok(facts.neighbours.some((one) => one.address === world.addressOf('near') && one.device === 'cbr0'))
  assert.ok(facts.forwarding.some(({ port }) => port === near().hostDevice))
})

test('a pod tells its card, and every socket that waits with its process', () => {
  const card = near().links.find(({ name }) => name === 'eth0')
  assert.deepEqual([card?.addresses[0], card?.mtu, card?.up], [`${world.addressOf('near')}/24`, 1500, true])
  assert.equal(near().resolvConf, 'nameserver 100.64.0.10\n')
  const sockets = near().sockets.toSorted((a, b) => a.port - b.port)
  assert.deepEqual(
    sockets.map(({ protocol, address, port, process, only6, backlog }) => [
      protocol,
      address,
      port,
      process,
      only6,
      backlog,
    ]),
    [
      ['udp', '127.0.0.1', 5050, 'node', undefined, undefined],
      ['tcp', '::', 7000, 'node', true, 511],
      ['tcp', '0.0.0.0', 8080, 'node', undefined, 511],
    ],
  )
  assert.ok(sockets.every(({ pid = 0 }) => pid > 0))
})

test('a container that does not run tells its last words', () => {
  const client = facts.pods.find(({ pod }) => pod === 'shop/client')
  assert.deepEqual(client?.containers, [{ name: 'main', lastWords: 'bye' }])
})

test('connections to services are counted by endpoint, with both tuples, packets, bytes and age', () => {
  const [group, ...others] = facts.connections.groups
  assert.deepEqual(others, [])
  assert.ok(group)
  const { protocol, address: to, port, endpoint, endpointPort, count, unanswered, clients } = group
  assert.deepEqual(
    { protocol, to, port, endpoint, endpointPort, count, unanswered, clients },
    {
      protocol: 'tcp',
      to: '100.64.0.21',
      port: 80,
      endpoint: world.addressOf('near'),
      endpointPort: 8080,
      count: 1,
      unanswered: 0,
      clients: 1,
    },
  )
  assert.ok((group.packets ?? 0) >= 6 && (group.bytes ?? 0) > 300)
  assert.ok((group.oldestSeconds ?? -1) >= 0)
  const [sample] = group.samples
  const client = world.addressOf('client')
  assert.match(sample?.original ?? '', new RegExp(`^${client}:\\d+ > 100\\.64\\.0\\.21:80$`))
  assert.match(sample?.reply ?? '', new RegExp(`^${world.addressOf('near')}:8080 > ${client}:\\d+$`))
  assert.match(sample?.state ?? '', /^[A-Z_0-9]+$/)
  assert.equal(sample?.answered, true)
})

test('an established connection is told from one that has ended', async () => {
  const socket = connectTcp({ ns: world.netns('client'), address: address('100.64.0.21'), port: 80 })
  await new Promise((resolve) => socket.once('connect', resolve))
  const now = await factsOf(world, 'node1')
  socket.destroy()
  const [group] = now.connections.groups
  assert.deepEqual([group?.count, group?.established], [2, 1])
  assert.ok(now.connections.groups[0]?.samples.some(({ state }) => state === 'ESTABLISHED'))
})

test('the slow list of connections gives what the quick one gives', async () => {
  using conntrack = openConntrack(world.node('node1'))
  const slow = []
  for await (const some of conntrack.listSlowly()) slow.push(...some)
  const quick = conntrack.list()
  assert.ok(quick.length > 0)
  assert.deepEqual(slow.map(({ id }) => id).sort(), quick.map(({ id }) => id).sort())
})

test('a queue of connections that nobody accepts is seen', async () => {
  const asleep = await world.program(
    'near',
    `require('net').createServer().listen({ port: 6000, backlog: 1 }, () => console.log('ready'))`,
  )
  asleep.kill('SIGSTOP')
  const to = address(world.addressOf('near'))
  const sockets = Array.from({ length: 2 }, () => connectTcp({ ns: world.netns('client'), address: to, port: 6000 }))
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  const now = await factsOf(world, 'node1')
  for (const socket of sockets) socket.destroy()
  const full = now.pods.flatMap((pod) => pod.sockets).find(({ port }) => port === 6000)
  assert.deepEqual([full?.waiting, full?.backlog], [2, 1])
  const found = queueFull.find(view({ machines: [now] }))
  assert.deepEqual(
    found.map(({ code, object, say }) => [code, object.name, say]),
    [
      [
        'QueueFull',
        'near',
        'node in pod shop/near takes no connections from port 6000: 2 connections wait, and each further one is thrown away without a word',
      ],
    ],
  )
})

test('a connection that nobody answers is told while it is tried', async () => {
  const nobody = address('100.96.1.77')
  const socket = connectTcp({ ns: world.netns('client'), address: nobody, port: 80 })
  socket.on('error', () => {})
  await once(socket, 'connectionAttempt')
  const now = await factsOf(world, 'node1')
  socket.destroy()
  const client = now.pods.find(({ pod }) => pod === 'shop/client')
  assert.deepEqual(
    client?.dialling?.map(({ to, port }) => [to, port]),
    [[nobody, 80]],
  )
  assert.match(client?.dialling?.[0]?.from ?? '', new RegExp(`^${world.addressOf('client')}:\\d+$`))
})

test('a machine whose pods have gone meanwhile tells the rest', async () => {
  const rest = await gatherMachine({
    node: 'node1',
    kind: 'node',
    ns: world.node('node1'),
    services: [],
    pods: () => [
      {
        pod: 'shop/gone',
        uid: 'gone',
        netns: '/proc/999999999/ns/net',
        containers: [],
        resolvConf: () => '',
        lastWords: async () => '',
      },
    ],
  })
  assert.deepEqual([rest.pods, rest.unread], [[], []])
  assert.ok(rest.links.length > 0)
})

test('sockets of a namespace are only its own', () => {
  assert.deepEqual(waitingSockets(world.netns('client')).sockets, [])
})
