import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { type Address, address } from '../../src/base/address.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { echo } from '../../src/kernel/ping.ts'
import { addAddress, deleteAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { readSysctl, writeSysctl } from '../../src/kernel/sysctl.ts'
import { PluginNode, pluginWithin, refused, type Said } from './cni-plugin-world.ts'

const v4 = { subnet: '10.22.0.0/24' }
const v6 = { subnet: 'fd00:22::/64' }
const both = { type: 'kubehop', ranges: [[v4], [v6]] }
const path = { CNI_PATH: '/opt/cni/bin' }

function ipsOf(said: Said): { address: string; gateway?: string; interface?: number }[] {
  assert.equal(said.exitCode, 0, said.stdout + said.stderr)
  return said.out['ips'] as { address: string }[]
}

const given = (said: Said): string[] => ipsOf(said).map((ip) => ip.address)

async function reaches(ns: Netns, to: string): Promise<void> {
  const { answer } = await echo({ ns, to: address(to), timeoutMs: 5000 })
  assert.equal(answer, 'reply', `${to}: ${answer}`)
}

function bridgeAddresses(node: PluginNode): string[] {
  const { index } = node.socket.link('cbr0') ?? assert.fail()
  return node.socket.addresses(index).map((one) => `${one.address}/${one.prefix}`)
}

test('a network of both IP families gives a pod an address of each, with gateway, default route and a ping that is answered', async () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const config = node.config({ ipam: both })
  const said = node.run('ADD', 'a', a, config)
  assert.deepEqual(ipsOf(said), [
    { address: '10.22.0.2/24', gateway: '10.22.0.1', interface: 2 },
    { address: 'fd00:22::2/64', gateway: 'fd00:22::1', interface: 2 },
  ])
  assert.deepEqual(said.out['routes'], [
    { dst: '0.0.0.0/0', gw: '10.22.0.1' },
    { dst: '::/0', gw: 'fd00:22::1' },
  ])
  // None is being searched for duplicates: it would carry nothing, and the first packet that the node carries on would be lost.
  for (const ns of [node.ns, a]) {
    const addresses = (...more: string[]): string =>
      inNetns(ns, () =>
        spawnSync('ip', ['-6', '-o', 'address', 'show', 'scope', 'link', ...more], { encoding: 'utf8' }),
      ).stdout
    assert.match(addresses(), /inet6 fe80::/)
    assert.equal(addresses('tentative'), '')
  }
  assert.deepEqual(given(node.run('ADD', 'b', b, config)), ['10.22.0.3/24', 'fd00:22::3/64'])
  for (const to of ['fd00:22::3', 'fd00:22::1', '10.22.0.3', '10.22.0.1']) await reaches(a, to)
  assert.deepEqual(bridgeAddresses(node).toSorted(), ['10.22.0.1/24', 'fd00:22::1/64', 'fe80::858:aff:fe16:1/64'])
  const prevResult = said.out
  const checks = (): Said => node.run('CHECK', 'a', a, { ...config, prevResult })
  assert.deepEqual([checks().exitCode, checks().stdout], [0, ''])
  using inside = openRouteSocket(a)
  const { index } = inside.link('eth0') ?? assert.fail()
  inside.apply(deleteAddress({ index, address: address('fd00:22::2'), prefix: 64 }))
  refused(checks(), 101, 'eth0 does not have fd00:22::2/64')
  for (const [id, ns] of [
    ['a', a],
    ['b', b],
  ] as const)
    node.del(id, ns, config)
  assert.deepEqual([node.leases(), node.veths()], [[], 0])
})

test('once ADD has ended the pod hears what is sent to its IPv6 address', () => {
  using node = new PluginNode()
  // Without a process between ADD and the look.
  node.call = pluginWithin(node.ns)
  for (let round = 0; round < 40; round++) {
    using pod = createNetns()
    using there = openRouteSocket(pod)
    const [, ip = ''] = given(node.run('ADD', 'a', pod, node.config({ ipam: both })))
    const own = there.routes({ family: 6, table: 255 }).filter(({ kind }) => kind === 'local')
    assert.ok(
      own.some(({ to }) => `${to.address}/64` === ip),
      `${ip} in round ${round}`,
    )
    node.del('a', pod)
  }
})

test('the order of the ranges is the order of the addresses; the Ethernet address is always that of IPv4', () => {
  using node = new PluginNode()
  using a = createNetns()
  const said = node.run('ADD', 'a', a, node.config({ ipam: { ranges: [[v6], [v4]] } }))
  assert.deepEqual(given(said), ['fd00:22::2/64', '10.22.0.2/24'])
  const [bridge, , eth0] = said.out['interfaces'] as { mac: string }[]
  assert.deepEqual([bridge?.mac, eth0?.mac], ['0a:58:0a:16:00:01', '0a:58:0a:16:00:02'])
})

test('each version tells both families in its own shape', () => {
  using node = new PluginNode()
  using a = createNetns()
  for (const [cniVersion, versions] of [
    ['0.4.0', ['4', '6']],
    ['1.0.0', [undefined, undefined]],
  ] as const) {
    const config = node.config({ cniVersion, ipam: both })
    const ips = ipsOf(node.run('ADD', 'a', a, config)) as { version?: string }[]
    assert.deepEqual(
      ips.map((ip) => ip.version),
      versions,
    )
    node.del('a', a, config)
  }
})

test('an address of each set can be asked for; one in no set, the gateway, a taken one, one too many are refused and nothing is kept', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const config = node.config({ ipam: both })
  const asking = (...ips: string[]): Record<string, unknown> => ({ ...config, runtimeConfig: { ips } })
  assert.deepEqual(given(node.run('ADD', 'a', a, asking('fd00:22::77/64', '10.22.0.77/24'))), [
    '10.22.0.77/24',
    'fd00:22::77/64',
  ])
  for (const [ips, word] of [
    [['fd00:23::5'], 'fd00:23::5: it is not in 10.22.0.0/24, fd00:22::/64'],
    [['10.22.0.5', 'fd00:22::1'], 'the gateway'],
    [['10.22.0.5', 'fd00:22::77'], 'somebody has it'],
    [['fd00:22::5', 'fd00:22::6'], 'one address is given of fd00:22::/64, and fd00:22::5, fd00:22::6 are asked for'],
  ] as const) {
    refused(node.run('ADD', 'b', b, asking(...ips)), 102, word)
    assert.deepEqual([node.leases(), node.veths()], [['10.22.0.77', 'fd00:22::77'], 1], word)
  }
  const args = { CNI_ARGS: 'IP=10.22.0.9,fd00:22::9' }
  assert.deepEqual(given(node.run('ADD', 'b', b, config, args)), ['10.22.0.9/24', 'fd00:22::9/64'])
  node.del('b', b, config)
  const labels = { ...config, args: { cni: { ips: ['fd00:22::8'] } } }
  assert.deepEqual(given(node.run('ADD', 'b', b, labels)), ['10.22.0.2/24', 'fd00:22::8/64'])
})

test('when one family has no more, nothing is kept of the other', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const config = node.config({ ipam: { ranges: [[v4], [{ subnet: 'fd00:22::/126', rangeEnd: 'fd00:22::2' }]] } })
  node.add('a', a, config)
  refused(node.run('ADD', 'b', b, config), 102, 'no IP addresses available in fd00:22::/126')
  assert.deepEqual([node.leases(), node.veths()], [['10.22.0.2', 'fd00:22::2'], 1])
  refused(node.call({ CNI_COMMAND: 'STATUS', ...path }, config), 50, 'fd00:22::/126')
})

test('a network of IPv6 alone does all: ADD, ping, CHECK, STATUS, DEL, GC', async () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const config = node.config({ ipam: { type: 'host-local', subnet: 'fd00:22::/126' } })
  const said = node.run('ADD', 'a', a, config)
  assert.deepEqual(ipsOf(said), [{ address: 'fd00:22::2/126', gateway: 'fd00:22::1', interface: 2 }])
  assert.deepEqual(said.out['routes'], [{ dst: '::/0', gw: 'fd00:22::1' }])
  // The very first packet, both ways.
  await reaches(a, 'fd00:22::1')
  assert.deepEqual(given(node.run('ADD', 'b', b, config)), ['fd00:22::3/126'])
  await reaches(node.ns, 'fd00:22::3')
  await reaches(b, 'fd00:22::2')
  assert.equal(node.run('CHECK', 'a', a, { ...config, prevResult: said.out }).exitCode, 0)
  refused(node.call({ CNI_COMMAND: 'STATUS', ...path }, config), 50, 'no IP addresses available in fd00:22::/126')
  node.del('b', b, config)
  const status = node.call({ CNI_COMMAND: 'STATUS', ...path }, config)
  assert.deepEqual([status.exitCode, status.stdout], [0, ''])
  const gc = node.call({ CNI_COMMAND: 'GC', ...path }, { ...config, 'cni.dev/valid-attachments': [] })
  assert.equal(gc.exitCode, 0, gc.stdout)
  assert.deepEqual([node.leases(), node.veths()], [[], 0])
})

test('a pod gets IPv6 where its runtime turned it off, hears no router, and keeps its address while its link is down', () => {
  using node = new PluginNode()
  using a = createNetns()
  for (const link of ['all', 'default', 'lo']) writeSysctl(`net.ipv6.conf.${link}.disable_ipv6`, 1, a)
  node.run('ADD', 'a', a, node.config({ ipam: both }))
  using inside = openRouteSocket(a)
  const { index } = inside.link('eth0') ?? assert.fail()
  assert.equal(readSysctl('net.ipv6.conf.eth0.accept_ra', a), '0')
  inside.apply(setLink('eth0', { up: false }))
  inside.apply(setLink('eth0', { up: true }))
  assert.ok(inside.addresses(index).some((one) => one.address === 'fd00:22::2'))
})

test('ipMasq hides pods of both families, and not where a range keeps its address', async () => {
  using node = new PluginNode()
  using world = createNetns()
  using a = createNetns()
  using there = openRouteSocket(world)
  node.socket.apply(addLink({ kind: 'veth', name: 'up0', peer: { name: 'eth0', ns: world } }))
  for (const [socket, name, four, six] of [
    [node.socket, 'up0', '192.0.2.1', '2001:db8::1'],
    [there, 'eth0', '192.0.2.2', '2001:db8::2'],
  ] as const) {
    const { index } = socket.link(name) ?? assert.fail()
    socket.apply(
      setLink(index, { up: true }),
      addAddress({ index, address: address(four), prefix: 24 }),
      addAddress({ index, address: address(six), prefix: 64 }),
    )
  }
  there.settle('eth0')
  node.socket.settle('up0')
  const answers = async (wanted: readonly string[]): Promise<string[]> => {
    const to: Address[] = [address('192.0.2.2'), address('2001:db8::2')]
    const asked = to.map((one, at) => echo({ ns: a, to: one, timeoutMs: wanted[at] === 'reply' ? 10_000 : 200 }))
    return (await Promise.all(asked)).map(({ answer }) => answer)
  }
  for (const [more, wanted] of [
    [{ ipMasq: true }, ['reply', 'reply']],
    [{ ipMasq: true, nonMasqueradeCIDRs: ['2001:db8::/64'] }, ['reply', 'none']],
    [{}, ['none', 'none']],
  ] as const) {
    const config = node.config({ ipam: both, ...more })
    const prevResult = node.run('ADD', 'a', a, config).out
    assert.deepEqual(await answers(wanted), wanted, JSON.stringify(more))
    assert.equal(node.run('CHECK', 'a', a, { ...config, prevResult }).exitCode, 0)
    node.del('a', a, config)
    const tables = inNetns(node.ns, () => spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout)
    assert.equal(tables, '')
  }
})

test('a network that loses a family, and one that gets one, settle the bridge with their next pod', async () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  node.add('a', a)
  const config = node.config({ ipam: both })
  assert.deepEqual(given(node.run('ADD', 'b', b, config)), ['10.22.0.3/24', 'fd00:22::2/64'])
  await reaches(b, 'fd00:22::1')
  await reaches(b, '10.22.0.2')
  node.del('b', b)
  assert.deepEqual(node.leases(), ['10.22.0.2'])
})
