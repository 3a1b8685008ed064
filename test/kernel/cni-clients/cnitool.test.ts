import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { address } from '../../../src/base/address.ts'
import { echo } from '../../../src/kernel/ping.ts'
import { deleteAddress } from '../../../src/kernel/rtnetlink/address.ts'
import { addLink } from '../../../src/kernel/rtnetlink/linkdata.ts'
import { openRouteSocket } from '../../../src/kernel/rtnetlink/socket.ts'
import { added, done, noCnitool, ours, Pod, refused, remembered, writeList, withAgent } from './cnitool.ts'
import { leases, veths } from './world.ts'

// The table of what a plugin has to do, as far as libcni lets anybody ask it: it refuses bad ids and interface names itself.

const small = { ipam: { type: 'host-local', subnet: '10.22.0.0/29' } }

void describe('cnitool', { skip: noCnitool }, () => {
  withAgent()

  for (const cniVersion of ['0.3.1', '0.4.0', '1.0.0', '1.1.0'])
    test(`a list of ${cniVersion}: added, checked, remembered, deleted`, async () => {
      using a = new Pod('a')
      using b = new Pod('b')
      writeList('pods', [ours()], { cniVersion })
      const said = await added('pods', a)
      assert.equal(said.cniVersion, cniVersion)
      assert.deepEqual([said.ips[0]?.address, said.ips[0]?.gateway], ['10.22.0.2/24', '10.22.0.1'])
      assert.equal(said.interfaces[2]?.sandbox, a.path)
      assert.equal((await added('pods', b)).ips[0]?.address, '10.22.0.3/24')
      assert.equal((await echo({ ns: a.ns, to: address('10.22.0.3'), timeoutMs: 5000 })).answer, 'reply')
      const [entry] = remembered()
      assert.deepEqual([entry?.networkName, entry?.ifName], ['pods', 'eth0'])
      assert.ok(remembered().some(({ result }) => isDeepStrictEqual(result, said)))
      if (cniVersion === '0.3.1') await refused('check', 'pods', a, ['does not support the CHECK command'])
      else await done('check', 'pods', a)
      await done('status', 'pods', a)
      await done('del', 'pods', a)
      await done('del', 'pods', a)
      await done('del', 'pods', b)
      assert.deepEqual([leases('pods'), veths(), remembered()], [[], [], []])
    })

  test('a list of a version that is none, or of none, is refused', async () => {
    using a = new Pod('a')
    writeList('pods', [ours()], { cniVersion: '0.2.0' })
    await refused('add', 'pods', a, ['0.2.0', '0.3.1, 0.4.0, 1.0.0, 1.1.0'])
    writeList('pods', [ours()], { cniVersion: undefined })
    await refused('add', 'pods', a, ['0.3.1, 0.4.0, 1.0.0, 1.1.0'])
  })

  test('CHECK says what somebody changed', async () => {
    using a = new Pod('a')
    writeList('pods', [ours()])
    await added('pods', a)
    using inside = openRouteSocket(a.ns)
    const { index } = inside.link('eth0') ?? assert.fail()
    inside.apply(deleteAddress({ index, address: address('10.22.0.2'), prefix: 24 }))
    await refused('check', 'pods', a, ['eth0 does not have 10.22.0.2/24'])
  })

  test('the same interface is not added twice; another one, or another network, is its own, and so is its DEL', async () => {
    using a = new Pod('a')
    writeList('pods', [ours({ isDefaultGateway: false, isGateway: true })])
    const ipam = { type: 'host-local', subnet: '10.23.0.0/24' }
    writeList('other', [ours({ bridge: 'br1', ipam, isDefaultGateway: false, isGateway: true })])
    await added('pods', a)
    await refused('add', 'pods', a, ['eth0 of cnitool-', '10.22.0.2', 'DEL comes first'])
    assert.equal((await added('pods', a, { CNI_IFNAME: 'eth1' })).ips[0]?.address, '10.22.0.3/24')
    assert.equal((await added('other', a, { CNI_IFNAME: 'eth2' })).ips[0]?.address, '10.23.0.2/24')
    await done('del', 'pods', a)
    assert.deepEqual([leases('pods'), leases('other'), veths().length], [['10.22.0.3'], ['10.23.0.2'], 2])
    await done('del', 'other', a, { CNI_IFNAME: 'eth2' })
    await done('del', 'pods', a, { CNI_IFNAME: 'eth1' })
    assert.deepEqual([leases('pods'), leases('other'), veths()], [[], [], []])
  })

  test('a pod on two networks leaves by the first one, and by the second when the first is gone', async () => {
    using a = new Pod('a')
    writeList('pods', [ours()])
    writeList('other', [ours({ bridge: 'br1', ipam: { type: 'host-local', subnet: '10.23.0.0/24' } })])
    await added('pods', a)
    await added('other', a, { CNI_IFNAME: 'eth1' })
    using inside = openRouteSocket(a.ns)
    const via = (): string | undefined => inside.routeTo({ to: address('192.0.2.9') })?.via
    await done('check', 'pods', a)
    await done('check', 'other', a, { CNI_IFNAME: 'eth1' })
    assert.equal(via(), '10.22.0.1')
    await done('del', 'pods', a)
    assert.equal(veths().length, 1)
    assert.equal(via(), '10.23.0.1')
    await done('del', 'other', a, { CNI_IFNAME: 'eth1' })
  })

  test('DEL of who was never there, and of who is gone', async () => {
    const a = new Pod('a')
    writeList('pods', [ours()])
    await done('del', 'pods', '/run/netns/nobody')
    await added('pods', a)
    a[Symbol.dispose]()
    await done('del', 'pods', a)
    assert.deepEqual([leases('pods'), remembered()], [[], []])
  })

  test('a /29 has .2 to .6 and the last to be freed comes last; STATUS says when there are none', async () => {
    const pods = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => new Pod(name))
    const [a, b, c, d, e, f] = pods as [Pod, Pod, Pod, Pod, Pod, Pod]
    writeList('pods', [ours(small)])
    const given = async (pod: Pod): Promise<string> => (await added('pods', pod)).ips[0]?.address ?? ''
    assert.equal(await given(a), '10.22.0.2/29')
    await done('del', 'pods', a)
    const more = [await given(a), await given(b), await given(c), await given(d), await given(e)]
    assert.deepEqual(more, ['10.22.0.3/29', '10.22.0.4/29', '10.22.0.5/29', '10.22.0.6/29', '10.22.0.2/29'])
    await refused('add', 'pods', f, ['no IP addresses available in 10.22.0.0/29'])
    await refused('status', 'pods', f, ['no IP addresses available in 10.22.0.0/29'])
    assert.equal(veths().length, 5)
    // Before 1.1.0 there is no STATUS: libcni does not ask.
    writeList('pods', [ours(small)], { cniVersion: '1.0.0' })
    await done('status', 'pods', f)
    for (const pod of pods) pod[Symbol.dispose]()
  })

  test('addresses that are asked for: given, or refused with nothing kept', async () => {
    using a = new Pod('a')
    using b = new Pod('b')
    writeList('pods', [ours({ capabilities: { ips: true, mac: true } })])
    const wish = (...ips: string[]): Record<string, string> => ({ CAP_ARGS: JSON.stringify({ ips }) })
    const mac = '02:00:00:00:00:07'
    const said = await added('pods', a, { CAP_ARGS: JSON.stringify({ ips: ['10.22.0.77/24'], mac }) })
    assert.deepEqual([said.ips[0]?.address, said.interfaces[2]?.mac], ['10.22.0.77/24', mac])
    await done('check', 'pods', a)
    await refused('add', 'pods', b, ['10.22.0.77'], wish('10.22.0.77/24'))
    await refused('add', 'pods', b, ['10.23.0.2'], wish('10.23.0.2/24'))
    await refused('add', 'pods', b, ['10.22.0.1', 'gateway'], wish('10.22.0.1/24'))
    await refused('add', 'pods', b, ['10.22.0.8', '10.22.0.9'], wish('10.22.0.8', '10.22.0.9'))
    await refused('add', 'pods', b, ['WHO', 'IgnoreUnknown=1'], { CNI_ARGS: 'WHO=me' })
    assert.deepEqual(leases('pods'), ['10.22.0.77'])
    const args = { CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=b;IP=10.22.0.78' }
    assert.equal((await added('pods', b, args)).ips[0]?.address, '10.22.0.78/24')
  })

  test('ranges that are none are refused', async () => {
    using a = new Pod('a')
    const subnet = '10.22.0.0/24'
    for (const [ipam, word] of [
      [{ subnet: '10.22.0.0/31' }, 'too small'],
      [{ subnet: '10.22.0.1/24' }, 'host bits'],
      [{ ranges: [[{ subnet }], [{ subnet: '10.22.0.128/25' }]] }, 'overlap'],
      [{ ranges: [[{ subnet }, { subnet: 'fd00::/64' }]] }, 'other IP family'],
      [{ subnet, rangeStart: '10.23.0.5' }, 'ipam.rangeStart'],
    ] as const) {
      writeList('pods', [ours({ ipam: { type: 'host-local', ...ipam } })])
      await refused('add', 'pods', a, [word])
      await refused('status', 'pods', a, [word])
    }
    assert.deepEqual([leases('pods'), veths()], [[], []])
  })

  test('a failure after the address was given gives it back', async () => {
    using a = new Pod('a')
    writeList('pods', [ours()])
    using inside = openRouteSocket(a.ns)
    inside.apply(addLink({ kind: 'bridge', name: 'eth0' }))
    await refused('add', 'pods', a, ['a link named eth0 already'])
    assert.deepEqual([leases('pods'), veths(), remembered()], [[], [], []])
  })

  test('a bridge that is none is refused; one with another address too, unless the address may be forced', async () => {
    using a = new Pod('a')
    using b = new Pod('b')
    using socket = openRouteSocket()
    socket.apply(addLink({ kind: 'veth', name: 'br1', peer: { name: 'br2' } }))
    writeList('pods', [ours({ bridge: 'br1' })])
    await refused('add', 'pods', a, ['br1', 'no bridge'])
    await refused('status', 'pods', a, ['br1', 'no bridge'])
    writeList('pods', [ours()])
    await added('pods', a)
    await done('del', 'pods', a)
    const moved = { ipam: { type: 'host-local', subnet: '10.30.0.0/24' } }
    writeList('pods', [ours(moved)])
    await refused('add', 'pods', b, ['10.22.0.1/24', '10.30.0.1/24'])
    writeList('pods', [ours({ ...moved, forceAddress: true })])
    assert.equal((await added('pods', b)).ips[0]?.address, '10.30.0.2/24')
  })

  test('four at once get four addresses', async () => {
    const pods = ['a', 'b', 'c', 'd'].map((name) => new Pod(name))
    writeList('pods', [ours()])
    const said = await Promise.all(pods.map((pod) => added('pods', pod)))
    const given = said.map(({ ips }) => ips[0]?.address).toSorted()
    assert.deepEqual(given, ['10.22.0.2/24', '10.22.0.3/24', '10.22.0.4/24', '10.22.0.5/24'])
    for (const pod of pods) pod[Symbol.dispose]()
  })
})
