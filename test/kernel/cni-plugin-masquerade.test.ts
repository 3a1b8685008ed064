import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, cidr } from '../../src/base/address.ts'
import { masqueradeOf } from '../../src/cni/plugin/masquerade.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
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
