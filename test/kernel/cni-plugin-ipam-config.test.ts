import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNetns } from '../../src/kernel/netns.ts'
import { PluginNode, pluginWithin, refused } from './cni-plugin-world.ts'

const pods = { CNI_CONTAINERID: 'a', CNI_NETNS: '/var/run/netns/a', CNI_IFNAME: 'eth0' }

test('ranges that cannot be are refused by ADD, CHECK and STATUS, as a network’s and as another plugin’s, and nothing is made', () => {
  using node = new PluginNode()
  using a = createNetns()
  const within = pluginWithin(node.ns)
  const good = { subnet: '10.0.0.0/24' }
  for (const [ranges, ...words] of [
    [[[{ subnet: '10.0.0.0/31' }]], '10.0.0.0/31', 'too small'],
    [[[{ subnet: '10.0.0.1/24' }]], '10.0.0.1/24', 'host bits zero'],
    [[[good], [{ subnet: '10.0.0.128/25' }]], '10.0.0.0/24 and 10.0.0.128/25 overlap'],
    [[[good, good]], '10.0.0.0/24 and 10.0.0.0/24 overlap'],
    [[[{ subnet: 'fd00::/64' }], [{ subnet: 'fd00::8000:0:0:0/65' }]], 'fd00::/64 and fd00::8000:0:0:0/65 overlap'],
    [[[good, { subnet: 'fd00::/64' }]], 'fd00::/64', 'other IP family'],
    [[[{ subnet: 'fd00::/127' }]], 'fd00::/127', 'too small'],
  ] as const) {
    const ipam = { type: 'kubehop', dataDir: node.dataDir, ranges }
    const asNetwork = node.config({ ipam })
    refused(node.run('ADD', 'a', a, asNetwork), 7, ...words)
    for (const [command, config] of [
      ['ADD', { ...asNetwork, type: 'bridge' }],
      ['CHECK', asNetwork],
      ['STATUS', asNetwork],
    ] as const)
      refused(within({ ...pods, CNI_COMMAND: command, CNI_PATH: '/opt/cni/bin' }, config), 7, ...words)
  }
  assert.deepEqual([node.leases(), node.socket.links().map(({ name }) => name)], [[], ['lo']])
})

test('each command names all that it lacks; DEL needs no namespace, and GC and STATUS nothing but CNI_PATH', () => {
  using node = new PluginNode()
  const config = node.config({ 'cni.dev/valid-attachments': [] })
  for (const [command, ...names] of [
    ['ADD', 'CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
    ['CHECK', 'CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
    ['DEL', 'CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'],
    ['GC', 'CNI_PATH'],
    ['STATUS', 'CNI_PATH'],
  ] as const) {
    const said = node.call({ CNI_COMMAND: command }, config)
    refused(said, 4, ...names)
    assert.equal(String(said.out['msg']).match(/CNI_[A-Z]+/g)?.length, names.length, said.stdout)
  }
  const { CNI_NETNS: _, ...noNetns } = pods
  for (const env of [{ CNI_COMMAND: 'DEL', ...noNetns }, { CNI_COMMAND: 'GC' }, { CNI_COMMAND: 'STATUS' }]) {
    const said = node.call({ ...env, CNI_PATH: '/opt/cni/bin' }, config)
    assert.deepEqual([said.exitCode, said.stdout], [0, ''])
  }
})

test('who lives is read from the specification’s key, or from the one that libcni sends beside it', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const who = (containerID: string): object[] => [{ containerID, ifname: 'eth0' }]
  node.add('a', a)
  node.add('b', b)
  const collect = (more: object): string[] => {
    const said = node.call({ CNI_COMMAND: 'GC', CNI_PATH: '/opt/cni/bin' }, node.config(more))
    assert.deepEqual([said.exitCode, said.stdout], [0, ''])
    return node.leases()
  }
  assert.deepEqual(collect({ 'cni.dev/attachments': [...who('a'), ...who('b')] }), ['10.22.0.2', '10.22.0.3'])
  assert.deepEqual(collect({ 'cni.dev/attachments': who('b') }), ['10.22.0.3'])
  assert.deepEqual(collect({ 'cni.dev/valid-attachments': [], 'cni.dev/attachments': who('b') }), [])
})
