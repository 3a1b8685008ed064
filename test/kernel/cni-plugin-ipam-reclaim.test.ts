import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { reclaim } from '../../src/cni/plugin/reclaim.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addressOf, pluginIn, PluginNode, refused, type Said } from './cni-plugin-world.ts'

const one = { type: 'host-local', subnet: '10.22.0.0/30' }
const path = { CNI_PATH: '/opt/cni/bin' }
const exhausted = 'no IP addresses available in 10.22.0.0/30'

/** The pod ends and nobody says DEL; the kernel takes its cable away. */
async function end(node: PluginNode, pod: Netns): Promise<void> {
  const before = node.veths()
  pod.close()
  while (node.veths() === before) await new Promise((resolve) => setImmediate(resolve))
}

/** The plugin on the same node after the machine was started again: a new boot id, and a namespace that has nothing. */
function afterReboot(
  node: PluginNode,
  machine: Netns,
): (command: string, id: string, pod: Netns, config: object) => Said {
  const bootId = join(node.dataDir, 'boot-id')
  writeFileSync(bootId, '00000000-0000-4000-8000-000000000000\n')
  const boot = `mount --bind ${bootId} /proc/sys/kernel/random/boot_id && exec "$@"`
  const args = ['--mount', 'sh', '-c', boot, 'sh', process.execPath, 'src/cli/main.ts', 'cni']
  return (command, id, pod, config) => {
    const env = {
      PATH: process.env['PATH'],
      CNI_COMMAND: command,
      CNI_CONTAINERID: id,
      CNI_NETNS: `/proc/${process.pid}/fd/${pod.fd}`,
      CNI_IFNAME: 'eth0',
      ...path,
    }
    const input = JSON.stringify(config)
    const said = inNetns(machine, () => spawnSync('unshare', args, { env, input, encoding: 'utf8' }))
    const { status, stdout, stderr } = said
    return { exitCode: status, stdout, stderr, out: stdout === '' ? {} : JSON.parse(stdout) }
  }
}

test('an address whose pod is gone is given again when there is no other, though nobody said DEL or GC', async () => {
  using node = new PluginNode()
  const a = createNetns()
  using b = createNetns()
  using c = createNetns()
  const config = node.config({ ipam: one })
  node.add('a', a, config)
  refused(node.run('ADD', 'b', b, config), 102, exhausted)
  refused(node.call({ CNI_COMMAND: 'STATUS', ...path }, config), 50, exhausted)
  await end(node, a)
  assert.equal(node.call({ CNI_COMMAND: 'STATUS', ...path }, config).exitCode, 0)
  assert.equal(node.add('b', b, config), '10.22.0.2/30')
  // The old owner's DEL comes late, and takes nothing of the new one's.
  node.del('a', '', config)
  assert.deepEqual([node.leases(), node.veths()], [['10.22.0.2'], 1])
  refused(node.run('ADD', 'c', c, config), 102, exhausted)
  assert.deepEqual([node.leases(), node.veths()], [['10.22.0.2'], 1])
})

test('an address that is asked for is given when its pod is gone', async () => {
  using node = new PluginNode()
  const a = createNetns()
  using b = createNetns()
  node.add('a', a)
  await end(node, a)
  assert.equal(node.add('b', b, node.config({ runtimeConfig: { ips: ['10.22.0.2'] } })), '10.22.0.2/24')
})

test('a port of the node that led to a pod that is gone does not lead to the next one', async () => {
  using node = new PluginNode()
  const a = createNetns()
  using b = createNetns()
  const config = node.config({ ipam: one })
  const rules = (): string => inNetns(node.ns, () => spawnSync('nft', ['list', 'ruleset'], { encoding: 'utf8' })).stdout
  const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }]
  node.add('a', a, { ...config, runtimeConfig: { portMappings } })
  assert.match(rules(), /8080/)
  await end(node, a)
  assert.equal(node.add('b', b, config), '10.22.0.2/30')
  assert.doesNotMatch(rules(), /8080/)
})

test('no address of anybody who may be alive is taken: renamed cables, other machines’ pods, other plugins’ pods, old files', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  using elsewhere = createNetns()
  const config = node.config({ ipam: one })
  const isFull = (said: string): void => {
    refused(node.run('ADD', 'b', b, config), 102, exhausted)
    assert.deepEqual(node.leases(), ['10.22.0.2'], said)
  }
  const said = node.run('ADD', 'a', a, config)
  const [, { name } = { name: '' }] = said.out['interfaces'] as { name: string }[]
  const { index } = node.socket.link(name) ?? assert.fail()
  node.socket.apply(setLink(index, { name: 'renamed' }))
  isFull('somebody renamed the cable')
  node.socket.apply(setLink(index, { name }))
  node.del('a', a, config)

  // Two machines, or two namespaces, with one folder.
  const there = pluginIn(elsewhere)
  const env = { CNI_CONTAINERID: 'a', CNI_NETNS: `/proc/${process.pid}/fd/${a.fd}`, CNI_IFNAME: 'eth0', ...path }
  assert.equal(addressOf(there({ CNI_COMMAND: 'ADD', ...env }, config)), '10.22.0.2/30')
  isFull('the cable is in another namespace')
  assert.equal(there({ CNI_COMMAND: 'DEL', ...env }, config).exitCode, 0)

  const bridge = {
    cniVersion: '1.1.0',
    name: 'pods',
    type: 'bridge',
    ipam: { ...one, type: 'kubehop', dataDir: node.dataDir },
  }
  addressOf(node.run('ADD', 'a', a, bridge))
  isFull('another plugin made the cable')
  node.del('a', a, bridge)

  node.add('a', a, config)
  const file = join(node.dataDir, 'pods', '10.22.0.0-30', '10.22.0.2')
  const { since: _, ...old } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  writeFileSync(file, JSON.stringify(old))
  isFull('nothing is written of when it was given')
})

test('where a note is too long to be read, nobody is taken for gone', async () => {
  using node = new PluginNode()
  const a = createNetns()
  using long = createNetns()
  using b = createNetns()
  const config = node.config({ ipam: one })
  const far = node.config({
    name: 'n'.repeat(200),
    bridge: 'br1',
    ipam: { subnet: '10.23.0.0/24' },
    isDefaultGateway: false,
  })
  node.add('x'.repeat(128), long, far)
  node.add('a', a, config)
  await end(node, a)
  refused(node.run('ADD', 'b', b, config), 102, exhausted)
  node.del('x'.repeat(128), long, far)
  assert.equal(node.add('b', b, config), '10.22.0.2/30')
})

test('the machine was started again: STATUS and ADD go on without GC, and an agent that starts frees all at once', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  using machine = createNetns()
  const config = node.config({ ipam: one })
  const other = node.config({ name: 'other', bridge: 'br1', ipam: { subnet: '10.23.0.0/24' }, isDefaultGateway: false })
  const bridge = {
    cniVersion: '1.1.0',
    name: 'theirs',
    type: 'bridge',
    ipam: { ...one, type: 'kubehop', dataDir: node.dataDir },
  }
  node.add('a', a, config)
  node.add('a', a, other, { CNI_IFNAME: 'eth1' })
  addressOf(node.run('ADD', 'a', a, bridge))
  inNetns(machine, () => assert.deepEqual(reclaim(node.dataDir), [], 'the same boot, another namespace'))
  const call = afterReboot(node, machine)
  for (const network of [config, bridge]) {
    assert.equal(addressOf(call('ADD', 'b', b, network)), '10.22.0.2/30')
    refused(call('ADD', 'c', b, network), 102, exhausted)
    refused(call('STATUS', '', b, network), 50, exhausted)
  }
  assert.deepEqual(node.leases('other'), ['10.23.0.2'])
  // What was given since the start of that machine is of another boot than this process's own.
  const freed = inNetns(machine, () => reclaim(node.dataDir))
  assert.deepEqual(freed.map(({ id, address }) => `${id} ${address}`).toSorted(), ['b 10.22.0.2', 'b 10.22.0.2'])
})
