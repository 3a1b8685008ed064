import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { address } from '../../src/base/address.ts'
import { createNetns, inNetns } from '../../src/kernel/netns.ts'
import { echo } from '../../src/kernel/ping.ts'
import { deleteAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { addressOf, PluginNode, refused } from './cni-plugin-world.ts'

const small = { type: 'host-local', subnet: '10.22.0.0/29' }

test('two pods get .2 and .3 of a /24, reach each other, and are gone after DEL', async () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const said = node.run('ADD', 'a', a)
  assert.equal(addressOf(said), '10.22.0.2/24')
  const interfaces = said.out['interfaces'] as { name: string; mac: string; sandbox?: string }[]
  assert.deepEqual([interfaces[0]?.name, interfaces[0]?.mac], ['cbr0', '0a:58:0a:16:00:01'])
  assert.deepEqual(interfaces[2], {
    name: 'eth0',
    mac: '0a:58:0a:16:00:02',
    mtu: 1500,
    sandbox: `/proc/${process.pid}/fd/${a.fd}`,
  })
  assert.deepEqual(said.out['ips'], [{ address: '10.22.0.2/24', gateway: '10.22.0.1', interface: 2 }])
  assert.deepEqual(said.out['routes'], [{ dst: '0.0.0.0/0', gw: '10.22.0.1' }])
  assert.equal(node.add('b', b), '10.22.0.3/24')
  for (const to of ['10.22.0.3', '10.22.0.1'])
    assert.equal((await echo({ ns: a, to: address(to), timeoutMs: 5000 })).answer, 'reply')
  const veth = node.socket.link(interfaces[1]?.name ?? '')
  assert.deepEqual([veth?.port?.hairpin, veth?.alias], [true, 'cni pods a eth0'])
  node.del('a', a)
  node.del('a', a)
  node.del('b', b)
  assert.deepEqual([node.leases(), node.veths()], [[], 0])
})

test('each version has the result in its own shape', () => {
  using node = new PluginNode()
  using a = createNetns()
  for (const [cniVersion, ip, link] of [
    ['0.3.1', ['version', 'address', 'gateway', 'interface'], ['name', 'mac', 'sandbox']],
    ['0.4.0', ['version', 'address', 'gateway', 'interface'], ['name', 'mac', 'sandbox']],
    ['1.0.0', ['address', 'gateway', 'interface'], ['name', 'mac', 'sandbox']],
    ['1.1.0', ['address', 'gateway', 'interface'], ['name', 'mac', 'mtu', 'sandbox']],
  ] as const) {
    const config = node.config({ cniVersion })
    const { out } = node.run('ADD', 'a', a, config)
    assert.equal(out['cniVersion'], cniVersion)
    assert.deepEqual(Object.keys((out['ips'] as object[])[0] ?? {}), ip)
    assert.deepEqual(Object.keys((out['interfaces'] as object[])[2] ?? {}), link)
    node.del('a', a, config)
  }
})

test('a second ADD of the same interface is refused; another interface and another network are their own', () => {
  using node = new PluginNode()
  using a = createNetns()
  const other = node.config({
    name: 'other',
    bridge: 'br1',
    isDefaultGateway: false,
    isGateway: true,
    ipam: { subnet: '10.23.0.0/24' },
  })
  const nic = { CNI_IFNAME: 'eth1' }
  const nic2 = { CNI_IFNAME: 'eth2' }
  node.add('a', a)
  refused(node.run('ADD', 'a', a), 100, 'eth0 of a', '10.22.0.2')
  assert.equal(node.add('a', a, node.config({ isDefaultGateway: false }), nic), '10.22.0.3/24')
  assert.equal(node.add('a', a, other, nic2), '10.23.0.2/24')
  node.del('a', a)
  assert.deepEqual([node.leases(), node.leases('other'), node.veths()], [['10.22.0.3'], ['10.23.0.2'], 2])
  node.del('a', a, other, nic2)
  node.del('a', a, other, nic)
  assert.deepEqual([node.leases(), node.leases('other'), node.veths()], [['10.22.0.3'], [], 1])
})

test('DEL of who was never there succeeds, and so does DEL when the namespace is gone or the configuration is wrong by now', () => {
  using node = new PluginNode()
  const a = createNetns()
  node.del('nobody', a)
  node.add('a', a)
  a.close()
  node.del('a', '/var/run/netns/gone', node.config({ ipam: { type: 'dhcp' } }), { CNI_NETNS: '' })
  assert.deepEqual(node.leases(), [])
})

test('a /29 has .2 to .6; a freed address is the last to be given again; then the range is exhausted, and says which', () => {
  using node = new PluginNode()
  const config = node.config({ ipam: small })
  const pods = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => ({ id, ns: createNetns() }))
  const [a, b, c, d, e, f] = pods.map(({ id, ns }) => ({
    add: () => node.add(id, ns, config),
    del: () => node.del(id, ns, config),
    try: () => node.run('ADD', id, ns, config),
  }))
  assert.equal(a?.add(), '10.22.0.2/29')
  a?.del()
  assert.deepEqual(
    [a?.add(), b?.add(), c?.add(), d?.add()],
    ['10.22.0.3/29', '10.22.0.4/29', '10.22.0.5/29', '10.22.0.6/29'],
  )
  assert.equal(e?.add(), '10.22.0.2/29')
  refused(f?.try() ?? assert.fail(), 102, 'no IP addresses available in 10.22.0.0/29')
  assert.equal(node.veths(), 5)
  for (const { ns } of pods) ns.close()
})

test('an address and an Ethernet address can be asked for, in three ways', () => {
  using node = new PluginNode()
  using a = createNetns()
  const mac = '02:00:00:00:00:07'
  for (const [more, env] of [
    [{ runtimeConfig: { ips: ['10.22.0.77/24'], mac } }, {}],
    [{ args: { cni: { ips: ['10.22.0.77'], mac } } }, {}],
    [{}, { CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAME=a;IP=10.22.0.77;MAC=${mac}` }],
  ] as const) {
    assert.equal(node.add('a', a, node.config(more), env), '10.22.0.77/24')
    using inside = openRouteSocket(a)
    assert.equal(inside.link('eth0')?.mac, mac)
    node.del('a', a)
  }
})

test('an asked address that is taken, outside, the gateway, or one too many is refused, and nothing is kept', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  node.add('a', a)
  for (const [ips, word] of [
    [['10.22.0.2'], 'somebody has it'],
    [['10.23.0.2'], 'not in 10.22.0.0/24'],
    [['10.22.0.255'], 'not between'],
    [['10.22.0.1'], 'the gateway'],
    [['10.22.0.5', '10.22.0.6'], '10.22.0.5, 10.22.0.6'],
  ] as const)
    refused(node.run('ADD', 'b', b, node.config({ runtimeConfig: { ips } })), 102, word)
  assert.deepEqual([node.leases(), node.veths()], [['10.22.0.2'], 1])
})

test('a failure after the address was given gives it back', () => {
  using node = new PluginNode()
  using a = createNetns()
  using inside = openRouteSocket(a)
  inside.apply(addLink({ kind: 'bridge', name: 'eth0' }))
  refused(node.run('ADD', 'a', a), 100, 'a link named eth0 already')
  // The pod's end is there when its route turns out to be impossible: the kernel takes no priority twice.
  const routes = [{ dst: '10.50.0.0/16' }, { dst: '10.50.0.0/16' }]
  const config = node.config({ ipam: { subnet: '10.22.0.0/24', routes } })
  refused(node.run('ADD', 'a', a, config, { CNI_IFNAME: 'eth1' }), 100, 'add route 10.50.0.0/16')
  assert.deepEqual([node.leases(), node.veths()], [[], 0])
})

test('a bridge that is none is refused; one with another address too, unless the address may be forced', () => {
  using node = new PluginNode()
  using a = createNetns()
  node.socket.apply(addLink({ kind: 'veth', name: 'br1', peer: { name: 'br2' } }))
  refused(node.run('ADD', 'a', a, node.config({ bridge: 'br1' })), 100, 'br1', 'no bridge')
  node.add('a', a)
  node.del('a', a)
  const moved = node.config({ ipam: { subnet: '10.30.0.0/24' } })
  refused(node.run('ADD', 'a', a, moved), 100, '10.22.0.1/24', '10.30.0.1/24', 'name another bridge', 'forceAddress')
  assert.deepEqual(
    readdirSync(join(node.dataDir, 'pods')),
    ['10.22.0.0-24'],
    'nothing is made for a range of which nothing is given',
  )
  assert.equal(node.add('a', a, { ...moved, forceAddress: true }), '10.30.0.2/24')
  const { index } = node.socket.link('cbr0') ?? assert.fail()
  const own = node.socket.addresses(index).map((one) => `${one.address}/${one.prefix}`)
  assert.deepEqual(own, ['10.30.0.1/24'])
})

test('when an address was given again before its old owner is deleted, only what is the old owner’s goes', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  node.add('a', a)
  rmSync(join(node.dataDir, 'pods'), { recursive: true })
  assert.equal(node.add('b', b), '10.22.0.2/24')
  node.del('a', a)
  assert.deepEqual([node.leases(), node.veths()], [['10.22.0.2'], 1])
  using inside = openRouteSocket(b)
  assert.ok(inside.link('eth0')?.running)
})

test('two ADDs at once get two addresses', async () => {
  using node = new PluginNode()
  const pods = ['a', 'b', 'c', 'd'].map((id) => ({ id, ns: createNetns() }))
  const said = await Promise.all(
    pods.map(async ({ id, ns }) => {
      const env = {
        PATH: process.env['PATH'],
        CNI_COMMAND: 'ADD',
        CNI_CONTAINERID: id,
        CNI_NETNS: `/proc/${process.pid}/fd/${ns.fd}`,
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/opt/cni/bin',
      }
      const child = inNetns(node.ns, () =>
        spawn(process.execPath, ['src/cli/main.ts', 'cni'], { env, stdio: ['pipe', 'pipe', 'inherit'] }),
      )
      child.stdin.end(JSON.stringify(node.config()))
      const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
      assert.equal(code, 0, out)
      return (JSON.parse(out) as { ips: { address: string }[] }).ips[0]?.address
    }),
  )
  assert.deepEqual(said.toSorted(), ['10.22.0.2/24', '10.22.0.3/24', '10.22.0.4/24', '10.22.0.5/24'])
  for (const { ns } of pods) ns.close()
})

test('a chained ADD keeps what the plugin before made, and moves its own places behind it', () => {
  using node = new PluginNode()
  using a = createNetns()
  const prevResult = {
    cniVersion: '0.4.0',
    interfaces: [{ name: 'eth9' }],
    ips: [{ version: '4', address: '10.9.0.2/24', interface: 0 }],
  }
  const { out } = node.run('ADD', 'a', a, node.config({ prevResult }))
  assert.deepEqual(
    (out['interfaces'] as { name: string }[]).map(({ name }) => name).filter((name) => !name.startsWith('veth')),
    ['eth9', 'cbr0', 'eth0'],
  )
  assert.deepEqual(out['ips'], [
    { address: '10.9.0.2/24', interface: 0 },
    { address: '10.22.0.2/24', gateway: '10.22.0.1', interface: 3 },
  ])
})

test('packets of pods fit through every link of the node that is up; an mtu in the configuration wins', () => {
  using node = new PluginNode()
  using a = createNetns()
  using inside = openRouteSocket(a)
  node.socket.apply(addLink({ kind: 'veth', name: 'up0', mtu: 1400, up: true, peer: { name: 'down0', mtu: 1300 } }))
  for (const [more, mtu] of [
    [{}, 1400],
    [{ mtu: 1450 }, 1450],
    [{}, 1400],
  ] as const) {
    const config = node.config(more)
    const { out } = node.run('ADD', 'a', a, config)
    const [bridge, host, eth0] = out['interfaces'] as { name: string; mtu: number }[]
    const there = [
      node.socket.link('cbr0')?.mtu,
      node.socket.link(host?.name ?? '')?.mtu,
      inside.link('eth0')?.mtu,
      bridge?.mtu,
      host?.mtu,
      eth0?.mtu,
    ]
    assert.deepEqual(there, Array(6).fill(mtu), JSON.stringify(more))
    node.del('a', a, config)
  }
})

test('CHECK finds what somebody changed', () => {
  using node = new PluginNode()
  using a = createNetns()
  const prevResult = node.run('ADD', 'a', a).out
  const config = node.config({ prevResult })
  const checks = (more: object = {}): ReturnType<typeof node.run> => node.run('CHECK', 'a', a, { ...config, ...more })
  assert.deepEqual([checks().exitCode, checks().stdout], [0, ''])
  refused(checks({ prevResult: undefined }), 7, 'prevResult')
  refused(checks({ prevResult: { ...prevResult, ips: [] } }), 101, '10.22.0.2/24')
  refused(checks({ prevResult: { ...prevResult, ips: [{ address: 'x' }] } }), 7, 'prevResult.ips[0].address')
  const [, host] = prevResult['interfaces'] as { name: string }[]
  const veth = host?.name ?? assert.fail()
  node.socket.apply(setLink(veth, { master: null }))
  refused(checks(), 101, veth, 'not on the bridge cbr0')
  node.socket.apply(setLink(veth, { master: node.socket.link('cbr0')?.index ?? 0 }))
  using inside = openRouteSocket(a)
  const { index } = inside.link('eth0') ?? assert.fail()
  inside.apply(deleteAddress({ index, address: address('10.22.0.2'), prefix: 24 }))
  refused(checks(), 101, 'eth0 does not have 10.22.0.2/24')
  node.del('a', a)
  refused(checks(), 101, 'no address of the network pods')
})

test('a namespace that is none is refused', () => {
  using node = new PluginNode()
  refused(node.run('ADD', 'a', '/var/run/netns/gone'), 3, '/var/run/netns/gone')
  refused(node.run('ADD', 'a', '/etc/passwd'), 4, '/etc/passwd')
  refused(node.run('ADD', 'a', node.ns), 4, "the node's own")
  assert.deepEqual([node.leases(), node.veths()], [[], 0])
})
