import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { address, cidr } from '../../src/base/address.ts'
import { masqueradeOf } from '../../src/cni/plugin/masquerade.ts'
import { needBridgeNetfilter } from '../../src/kernel/bridge-netfilter.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { echo } from '../../src/kernel/ping.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { PluginNode, refused } from './cni-plugin-world.ts'

/** A machine at the node's other side that knows no way to pods. */
function outside(node: PluginNode): Netns {
  const world = createNetns()
  using there = openRouteSocket(world)
  node.socket.apply(addLink({ kind: 'veth', name: 'up0', peer: { name: 'eth0', ns: world } }))
  for (const [socket, name, own] of [
    [node.socket, 'up0', '192.0.2.1'],
    [there, 'eth0', '192.0.2.2'],
  ] as const) {
    const { index } = socket.link(name) ?? assert.fail()
    socket.apply(setLink(index, { up: true }), addAddress({ index, address: address(own), prefix: 24 }))
  }
  there.settle('eth0')
  node.socket.settle('up0')
  return world
}

function hasTable(node: PluginNode): boolean {
  using nftables = openNftables(node.ns)
  return nftables.read(masqueradeOf('pods', [cidr('10.22.0.0/24')], []).table) !== undefined
}

test('with ipMasq a pod reaches who knows no way to pods; without, or for ranges that keep its address, it does not', async () => {
  using node = new PluginNode()
  using world = outside(node)
  using a = createNetns()
  assert.ok(world.fd > 0)
  for (const [more, answer] of [
    [{}, 'none'],
    [{ ipMasq: true }, 'reply'],
    [{ ipMasq: true, nonMasqueradeCIDRs: ['192.0.2.0/24', 'fd00::/8'] }, 'none'],
    [{ ipMasq: true, nonMasqueradeCIDRs: ['192.0.3.0/24'] }, 'reply'],
  ] as const) {
    node.add('a', a, node.config(more))
    const timeoutMs = answer === 'reply' ? 5000 : 100
    assert.equal((await echo({ ns: a, to: address('192.0.2.2'), timeoutMs })).answer, answer, JSON.stringify(more))
    node.del('a', a)
    assert.equal(hasTable(node), false)
  }
})

test('one rule serves all pods of a network; it goes with the last of them, and CHECK misses it', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const config = node.config({ ipMasq: true })
  const prevResult = node.run('ADD', 'a', a, config).out
  node.add('b', b, config)
  node.del('b', b, config)
  using nftables = openNftables(node.ns)
  const { table } = masqueradeOf('pods', [cidr('10.22.0.0/24')], [])
  assert.equal(nftables.rules(table).length, 1)
  assert.equal(node.run('CHECK', 'a', a, { ...config, prevResult }).exitCode, 0)
  nftables.apply({ table, ops: [{ op: 'delete table' }] })
  refused(node.run('CHECK', 'a', a, { ...config, prevResult }), 101, 'ipMasq')
  node.add('b', b, config)
  assert.ok(hasTable(node))
  const gone = node.call({ CNI_COMMAND: 'GC', CNI_PATH: '/x' }, { ...config, 'cni.dev/valid-attachments': [] })
  assert.equal(gone.exitCode, 0, gone.stdout)
  assert.equal(hasTable(node), false)
})

/** Of a pod's eth0: hears the group's datagrams, says once that it does, and then who sent the first. */
const member = `
  const [, type, group, own] = process.argv
  const socket = require('node:dgram').createSocket(type)
  socket.bind(5000, () => { socket.addMembership(group, own); console.log('member') })
  socket.on('message', (_, { address }) => { console.log(address); socket.close() })`
const sender = `
  const [, type, group, own] = process.argv
  const socket = require('node:dgram').createSocket(type)
  socket.bind(() => {
    socket.setMulticastInterface(own)
    socket.send('hello', 5000, group, () => socket.close())
  })`

// The bridge carries a group's datagrams from pod to pod, and where it shows what it carries to nf_tables they come by the rule.
const noBridgeNetfilter = needBridgeNetfilter() ? false : 'this kernel has no br_netfilter'

test('what a pod sends to a group keeps its address, by IPv4 and IPv6', { skip: noBridgeNetfilter }, async () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const config = node.config({
    ipMasq: true,
    ipam: { ranges: [[{ subnet: '10.22.0.0/24' }], [{ subnet: 'fd00:22::/64' }]] },
  })
  node.add('a', a, config)
  node.add('b', b, config)
  for (const [type, group, source, target, from] of [
    ['udp4', '239.1.2.3', '10.22.0.2', '10.22.0.3', '10.22.0.2'],
    ['udp6', 'ff15::1:2', '::%eth0', '::%eth0', 'fd00:22::2'],
  ] as const) {
    const child = inNetns(b, () =>
      spawn(process.execPath, ['-e', member, type, group, target], { stdio: ['ignore', 'pipe', 'inherit'] }),
    )
    const left = once(child, 'exit')
    const words = createInterface(child.stdout)[Symbol.asyncIterator]()
    try {
      assert.equal((await words.next()).value, 'member')
      const { status, stderr } = inNetns(a, () =>
        spawnSync(process.execPath, ['-e', sender, type, group, source], { encoding: 'utf8' }),
      )
      assert.equal(status, 0, stderr)
      assert.equal((await words.next()).value, from)
    } finally {
      child.kill('SIGKILL')
      // The next one takes the same port.
      await left
    }
  }
})
