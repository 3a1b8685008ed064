import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNetns } from '../../src/kernel/netns.ts'
import { deleteLink, setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { pluginIn, PluginNode, refused } from './cni-plugin-world.ts'

const valid = (...ids: string[]): object => ({
  'cni.dev/valid-attachments': ids.map((containerID) => ({ containerID, ifname: 'eth0' })),
})
const path = { CNI_PATH: '/opt/cni/bin' }

test('GC frees the addresses and cables of whoever is not named, also when what was written down is lost', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  using c = createNetns()
  const other = node.config({ name: 'other', bridge: 'br1', ipam: { subnet: '10.23.0.0/24' }, isDefaultGateway: false })
  const collect = (...ids: string[]): void => {
    const said = node.call({ CNI_COMMAND: 'GC', ...path }, node.config(valid(...ids)))
    assert.deepEqual([said.exitCode, said.stdout], [0, ''], said.stdout)
  }
  node.add('a', a)
  node.add('b', b)
  node.add('c', c)
  node.add('c', c, other, { CNI_IFNAME: 'eth1' })
  collect('a', 'b', 'c')
  assert.deepEqual([node.leases().length, node.veths()], [3, 4])
  collect('a', 'c')
  assert.deepEqual([node.leases(), node.veths()], [['10.22.0.2', '10.22.0.4'], 3])
  rmSync(join(node.dataDir, 'pods'), { recursive: true })
  collect('a')
  collect('a')
  assert.deepEqual([node.leases(), node.leases('other'), node.veths()], [[], ['10.23.0.2'], 2])
})

test('of a pod with several interfaces GC keeps those that are named, whatever they are called', () => {
  using node = new PluginNode()
  using a = createNetns()
  node.add('a', a)
  node.add('a', a, undefined, { CNI_IFNAME: 'net1' })
  node.add('a', a, undefined, { CNI_IFNAME: 'net2' })
  const collect = (...names: string[]): void => {
    const alive = { 'cni.dev/valid-attachments': names.map((ifname) => ({ containerID: 'a', ifname })) }
    const said = node.call({ CNI_COMMAND: 'GC', ...path }, node.config(alive))
    assert.deepEqual([said.exitCode, said.stdout], [0, ''], said.stdout)
  }
  collect('net2', 'eth0')
  assert.deepEqual([node.leases(), node.veths()], [['10.22.0.2', '10.22.0.4'], 2])
  collect('net2')
  assert.deepEqual([node.leases(), node.veths()], [['10.22.0.4'], 1])
  // As libcni's other key says it.
  const other = { 'cni.dev/attachments': [{ containerID: 'a', ifname: 'eth0' }] }
  assert.equal(node.call({ CNI_COMMAND: 'GC', ...path }, node.config(other)).exitCode, 0)
  assert.deepEqual([node.leases(), node.veths()], [[], 0])
})

test('GC that does not say who lives frees those whose cable is gone; one that says it wrongly frees nothing', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  node.add('a', a)
  node.add('b', b)
  const cable = node.socket.links().find(({ alias }) => alias === 'cni pods b eth0')
  node.socket.apply(deleteLink(cable?.name ?? assert.fail()))
  assert.deepEqual(node.leases(), ['10.22.0.2', '10.22.0.3'])
  assert.equal(node.call({ CNI_COMMAND: 'GC', ...path }, node.config()).exitCode, 0)
  assert.deepEqual([node.leases(), node.veths()], [['10.22.0.2'], 1])
  for (const more of [{ 'cni.dev/valid-attachments': 'a' }, { 'cni.dev/valid-attachments': [{ containerID: 'a' }] }])
    refused(node.call({ CNI_COMMAND: 'GC', ...path }, node.config(more)), 7, 'cni.dev/valid-attachments')
  assert.deepEqual([node.leases(), node.veths()], [['10.22.0.2'], 1])
})

test('after a reboot the addresses are there and the namespaces gone: STATUS says that the range is exhausted, GC frees all', () => {
  using node = new PluginNode()
  const config = node.config({ ipam: { subnet: '10.22.0.0/30' } })
  using a = createNetns()
  assert.equal(node.add('a', a, config), '10.22.0.2/30')
  using machine = createNetns()
  const rebooted = pluginIn(machine)
  const status = (): ReturnType<typeof rebooted> => rebooted({ CNI_COMMAND: 'STATUS', ...path }, config)
  refused(status(), 51, 'cbr0 is gone')
  using b = createNetns()
  const add = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'b',
    CNI_NETNS: `/proc/${process.pid}/fd/${b.fd}`,
    CNI_IFNAME: 'eth0',
  }
  refused(rebooted({ ...add, ...path }, config), 102, 'no IP addresses available in 10.22.0.0/30')
  refused(status(), 50, 'no IP addresses available in 10.22.0.0/30')
  assert.equal(rebooted({ CNI_COMMAND: 'GC', ...path }, { ...config, ...valid() }).exitCode, 0)
  assert.deepEqual(node.leases(), [])
  assert.deepEqual([status().exitCode, status().stdout], [0, ''])
  assert.equal(rebooted({ ...add, ...path }, config).exitCode, 0)
})

test('STATUS says what is wrong with the configuration and with the bridge', () => {
  using node = new PluginNode()
  using a = createNetns()
  const status = (more: object = {}): ReturnType<typeof node.call> =>
    node.call({ CNI_COMMAND: 'STATUS', ...path }, node.config(more))
  assert.equal(status().exitCode, 0)
  refused(status({ vlan: 7 }), 2, 'vlan')
  refused(status({ ipam: { subnet: '10.0.0.0/31' } }), 7, '10.0.0.0/31')
  node.add('a', a)
  assert.equal(status().exitCode, 0)
  node.socket.apply(setLink('cbr0', { up: false }))
  refused(status(), 51, 'cbr0 is down')
  node.socket.apply(deleteLink('cbr0'), addLink({ kind: 'veth', name: 'cbr0', peer: { name: 'x' } }))
  refused(status(), 50, 'cbr0', 'no bridge')
})
