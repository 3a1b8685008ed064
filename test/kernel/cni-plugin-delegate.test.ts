import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { cniPlugins } from '../../bench/harness/peers.ts'
import { address } from '../../src/base/address.ts'
import { createNetns } from '../../src/kernel/netns.ts'
import { echo } from '../../src/kernel/ping.ts'
import { DelegateNode, ip } from './cni-plugin-delegate-world.ts'
import { addressOf, refused } from './cni-plugin-world.ts'

const reference = cniPlugins(false)
const noReference = 'missing' in reference ? reference.missing : false

test('the plugin named by ipam.type is asked with the whole configuration, and its addresses and routes are the pod’s', async () => {
  using node = new DelegateNode()
  using a = createNetns()
  node.gives({
    cniVersion: '1.1.0',
    ips: [ip, { address: 'fd40::7/64' }],
    routes: [{ dst: '10.50.0.0/16', mtu: 1400 }],
    dns: { nameservers: ['10.40.0.53'] },
  })
  const said = node.spawn('ADD', 'a', a, node.config({ runtimeConfig: { ips: ['10.40.0.7'] } }))
  assert.equal(addressOf(said), '10.40.0.7/24')
  assert.deepEqual(node.calls(), ['ADD a eth0'])
  const { name, type, ipam, runtimeConfig } = node.stdin()
  assert.deepEqual(
    { name, type, ipam, runtimeConfig },
    {
      name: 'pods',
      type: 'kubehop',
      ipam: { type: 'ours', colour: 'blue' },
      runtimeConfig: { ips: ['10.40.0.7'] },
    },
  )
  assert.deepEqual(said.out['ips'], [
    { ...ip, interface: 2 },
    { address: 'fd40::7/64', gateway: 'fd40::1', interface: 2 },
  ])
  assert.deepEqual(said.out['routes'], [
    { dst: '10.50.0.0/16', gw: '10.40.0.1', mtu: 1400 },
    { dst: '0.0.0.0/0', gw: '10.40.0.1' },
    { dst: '::/0', gw: 'fd40::1' },
  ])
  assert.deepEqual(said.out['dns'], { nameservers: ['10.40.0.53'] })
  for (const to of ['10.40.0.1', 'fd40::1'])
    assert.equal((await echo({ ns: a, to: address(to), timeoutMs: 5000 })).answer, 'reply')
  const checked = node.config({ prevResult: said.out })
  assert.equal(node.do('CHECK', 'a', a, checked).exitCode, 0)
  assert.equal(node.do('STATUS', '', '').exitCode, 0)
  node.do('DEL', 'a', a)
  assert.deepEqual(node.calls(), ['CHECK a eth0', 'STATUS  eth0', 'DEL a eth0'])
  node.assertNothingLeft()
})

test('results of every version are understood', () => {
  using node = new DelegateNode()
  using a = createNetns()
  for (const [cniVersion, ips] of [
    ['0.3.1', [{ version: '4', ...ip }]],
    ['0.4.0', [{ version: '4', ...ip }]],
    ['1.0.0', [ip]],
    ['1.1.0', [ip]],
    [undefined, [ip]],
  ] as const) {
    node.gives({ ...(cniVersion && { cniVersion }), ips })
    assert.equal(addressOf(node.do('ADD', 'a', a)), '10.40.0.7/24')
    assert.equal(node.do('DEL', 'a', a).exitCode, 0)
  }
})

test('pods of other ranges bring their gateways to the bridge, which keeps its Ethernet address', async () => {
  using node = new DelegateNode()
  using a = createNetns()
  using b = createNetns()
  const config = node.config({ ipMasq: true })
  for (const [id, ns, address] of [
    ['a', a, '10.41.0.2/24'],
    ['b', b, '10.40.0.2/24'],
  ] as const) {
    node.gives({ ips: [{ address }] })
    addressOf(node.do('ADD', id, ns, config))
    assert.equal(node.socket.link('cbr0')?.mac, '0a:58:0a:29:00:01')
  }
  assert.equal((await echo({ ns: a, to: address('10.40.0.2'), timeoutMs: 5000 })).answer, 'reply')
  node.do('DEL', 'a', a, config)
  node.do('DEL', 'b', b, config)
  node.assertNothingLeft()
})

test('a plugin need not read its configuration, however long that is', () => {
  using node = new DelegateNode()
  using a = createNetns()
  const file = join(node.plugins, 'ours')
  writeFileSync(file, `#!/bin/sh\nexec 0<&-\necho '${JSON.stringify({ ips: [ip] })}'\n`, { mode: 0o755 })
  const config = node.config({ args: { label: 'x'.repeat(300_000) } })
  assert.equal(addressOf(node.do('ADD', 'a', a, config)), '10.40.0.7/24')
  assert.equal(node.do('DEL', 'a', a, config).exitCode, 0)
  node.assertNothingLeft()
})

test('GC has the plugin take back from each who is gone, and passes GC on; DEL reaches who gave, whatever the configuration says by then', () => {
  using node = new DelegateNode()
  const pods = ['a', 'b', 'c'].map((id) => ({ id, ns: createNetns() }))
  for (const [at, { id, ns }] of pods.entries()) {
    node.gives({ ips: [{ ...ip, address: `10.40.0.${at + 2}/24` }] })
    addressOf(node.do('ADD', id, ns))
  }
  refused(node.do('ADD', 'a', pods[0]?.ns ?? ''), 100, 'eth0 of a is on the network pods already, with 10.40.0.2')
  node.calls()
  const alive = { 'cni.dev/valid-attachments': [{ containerID: 'b', ifname: 'eth0' }] }
  assert.equal(node.do('GC', '', '', node.config(alive)).exitCode, 0)
  const calls = node.calls()
  assert.deepEqual([calls.slice(0, 2).toSorted(), calls.slice(2)], [['DEL a eth0', 'DEL c eth0'], ['GC  eth0']])
  assert.equal(node.veths(), 1)
  assert.equal(node.do('DEL', 'b', '', node.config({ ipam: { type: 'dhcp' } })).exitCode, 0)
  assert.deepEqual(node.calls(), ['DEL b eth0'])
  node.assertNothingLeft()
  for (const { ns } of pods) ns.close()
})

test('with the reference host-local: two families, CHECK, DEL, exhaustion, and what it leaks is taken back', {
  skip: noReference,
}, async () => {
  using node = new DelegateNode()
  using a = createNetns()
  using b = createNetns()
  const dataDir = join(node.plugins, 'host-local')
  // Our own name for it means our own addresses; so it is called by another.
  const { folder } = 'folder' in reference ? reference : assert.fail()
  writeFileSync(join(node.plugins, 'theirs'), readFileSync(join(folder, 'host-local')), { mode: 0o755 })
  const ranges = [[{ subnet: '10.40.0.0/30' }], [{ subnet: 'fd40::/64' }]]
  const config = node.config({
    ipMasq: true,
    ipam: { type: 'theirs', dataDir, ranges, routes: [{ dst: '10.50.0.0/16' }] },
  })
  const written = (): string[] =>
    readdirSync(join(dataDir, 'pods'))
      .filter((name) => !name.startsWith('l'))
      .toSorted()
  const said = node.do('ADD', 'a', a, config)
  assert.equal(addressOf(said), '10.40.0.2/30')
  assert.deepEqual(written(), ['10.40.0.2', 'fd40::2'])
  assert.deepEqual(said.out['routes'], [
    { dst: '10.50.0.0/16', gw: '10.40.0.1' },
    { dst: '0.0.0.0/0', gw: '10.40.0.1' },
    { dst: '::/0', gw: 'fd40::1' },
  ])
  assert.equal((await echo({ ns: a, to: address('fd40::1'), timeoutMs: 5000 })).answer, 'reply')
  assert.equal(node.do('CHECK', 'a', a, { ...config, prevResult: said.out }).exitCode, 0)
  refused(node.do('ADD', 'b', b, config), 999, 'no IP addresses available in range set: 10.40.0.1-10.40.0.2')
  assert.deepEqual(written(), ['10.40.0.2', 'fd40::2'])
  // The pod is gone, and nobody says DEL: host-local would keep its address for ever.
  a.close()
  while (node.veths() > 0) await new Promise((resolve) => setImmediate(resolve))
  const again = node.do('ADD', 'b', b, config)
  assert.equal(addressOf(again), '10.40.0.2/30')
  const gc = node.do('GC', '', '', { ...config, 'cni.dev/valid-attachments': [] })
  assert.equal(gc.exitCode, 0, gc.stdout)
  assert.deepEqual(written(), [])
  node.assertNothingLeft()
})
