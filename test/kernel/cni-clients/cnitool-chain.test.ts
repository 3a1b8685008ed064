import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openRouteSocket } from '../../../src/kernel/rtnetlink/socket.ts'
import { added, done, noCnitool, ours, Pod, refused, remembered, writeList, withAgent } from './cnitool.ts'
import { lacks, must } from './machine.ts'
import { get, leases, nodeAddress, outside, serve, veths } from './world.ts'

// With the reference plugins before and behind ours: what each makes of the others' results is real.

void describe('cnitool with other plugins in the chain', { skip: noCnitool || lacks('nft', 'tc', 'busybox') }, () => {
  withAgent()

  test('loopback before, tuning behind: each keeps what the others made', async () => {
    using a = new Pod('a')
    const mac = '02:00:00:00:00:09'
    const tuning = { type: 'tuning', mac, mtu: 1400, sysctl: { 'net.ipv4.conf.eth0.log_martians': '1' } }
    writeList('pods', [{ type: 'loopback' }, ours(), tuning])
    const { interfaces, ips } = await added('pods', a)
    assert.deepEqual(
      interfaces.map(({ name }) => name).filter((name) => !name.startsWith('veth')),
      ['lo', 'cbr0', 'eth0'],
    )
    const [own] = ips.filter(({ address }) => address === '10.22.0.2/24')
    const at = interfaces[own?.interface ?? -1]
    assert.deepEqual([at?.name, at?.mac, at?.sandbox], ['eth0', mac, a.path])
    using inside = openRouteSocket(a.ns)
    const link = inside.link('eth0')
    assert.deepEqual([link?.mac, link?.mtu, inside.link('lo')?.up], [mac, 1400, true])
    await done('check', 'pods', a)
    await done('status', 'pods', a)
    await done('del', 'pods', a)
    assert.deepEqual([leases('pods'), veths(), remembered()], [[], [], []])
  })

  test('portmap and bandwidth behind: they find the cable and the address in what ours said', async () => {
    await using world = await outside()
    using a = new Pod('a')
    writeList('pods', [
      ours(),
      { type: 'portmap', backend: 'nftables', capabilities: { portMappings: true } },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ])
    const portMappings = [{ hostPort: 8081, containerPort: 80, protocol: 'tcp' }]
    const bandwidth = { ingressRate: 1e7, ingressBurst: 1e6, egressRate: 1e7, egressBurst: 1e6 }
    await added('pods', a, { CAP_ARGS: JSON.stringify({ portMappings, bandwidth }) })
    await using server = await serve(a.ns, 80)
    assert.ok(server)
    assert.equal(await get(`http://${nodeAddress}:8081/`, world.ns), '192.0.2.2')
    const [veth = assert.fail()] = veths()
    assert.match(await must('tc', 'qdisc', 'show', 'dev', veth), /tbf .*rate 10Mbit/)
    await done('check', 'pods', a)
    await done('gc', 'pods', a)
    assert.deepEqual([leases('pods'), veths(), remembered()], [[], [], []])
    assert.doesNotMatch(await must('nft', 'list', 'ruleset'), /8081/)
  })

  test('the reference bridge with addresses of ours', async () => {
    using a = new Pod('a')
    const ipam = { type: 'kubehop', subnet: '10.27.0.0/24', routes: [{ dst: '0.0.0.0/0' }] }
    writeList('pods', [{ type: 'bridge', bridge: 'ref0', isGateway: true, ipam }])
    assert.equal((await added('pods', a)).ips[0]?.address, '10.27.0.2/24')
    await done('check', 'pods', a)
    await done('del', 'pods', a)
    assert.deepEqual([leases('pods'), veths(), remembered()], [[], [], []])
  })

  test('a plugin behind ours fails: DEL frees what ours gave', async () => {
    using a = new Pod('a')
    writeList('pods', [ours(), { type: 'bandwidth', ingressRate: 1 }])
    await refused('add', 'pods', a, ['type="bandwidth" failed (add)'])
    assert.deepEqual([leases('pods'), remembered()], [['10.22.0.2'], []])
    writeList('pods', [ours(), { type: 'tuning' }])
    await done('del', 'pods', a)
    assert.deepEqual([leases('pods'), veths()], [[], []])
  })
})
