import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { describe, test } from 'node:test'
import { deleteLink } from '../../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../../src/kernel/rtnetlink/socket.ts'
import { added, done, noCnitool, ours, Pod, refused, remembered, writeList, withAgent } from './cnitool.ts'
import { leaseFolder, leases, veths } from './world.ts'

void describe('cnitool, and pods that are gone', { skip: noCnitool }, () => {
  const agent = withAgent()

  test('an address that was given again before its old owner was deleted stays the new owner’s', async () => {
    using a = new Pod('a')
    using b = new Pod('b')
    writeList('pods', [ours()])
    await added('pods', a)
    rmSync(leaseFolder('pods'), { recursive: true })
    assert.equal((await added('pods', b)).ips[0]?.address, '10.22.0.2/24')
    await done('del', 'pods', a)
    assert.deepEqual([leases('pods'), veths().length], [['10.22.0.2'], 1])
    await done('check', 'pods', b)
  })

  for (const cniVersion of ['1.0.0', '1.1.0'])
    test(`GC of a list of ${cniVersion} frees all that libcni remembers and nobody needs`, async () => {
      using a = new Pod('a')
      const b = new Pod('b')
      writeList('pods', [ours()], { cniVersion })
      await added('pods', a)
      await added('pods', b)
      b[Symbol.dispose]()
      await done('gc', 'pods', a)
      assert.deepEqual([leases('pods'), veths(), remembered()], [[], [], []])
    })

  test('after a reboot the addresses of those before it are there, and in nobody’s way', async () => {
    const before = new Pod('before')
    using a = new Pod('a')
    const dataDir = '/var/lib/kubehop-cni'
    writeList('pods', [ours({ dataDir, ipam: { type: 'host-local', subnet: '10.22.0.0/30' } })])
    await added('pods', before)
    await refused('add', 'pods', a, ['no IP addresses available in 10.22.0.0/30'])
    before[Symbol.dispose]()
    // The kernel takes a namespace's links away some time after the namespace.
    while (veths().length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    using socket = openRouteSocket()
    socket.ensure(deleteLink('cbr0'))
    await done('status', 'pods', a)
    await added('pods', a)
    await done('gc', 'pods', a)
    assert.deepEqual([leases('pods'), veths(), remembered()], [[], [], []])
    rmSync(dataDir, { recursive: true })
  })

  test('the list that `kubehop cni install` wrote, with the agent and without', async () => {
    using a = new Pod('a')
    using b = new Pod('b')
    const said = await added('installed', a)
    assert.deepEqual([said.cniVersion, said.ips[0]?.address], ['1.0.0', '10.22.0.2/24'])
    await agent.stop('SIGKILL')
    await done('check', 'installed', a)
    assert.equal((await added('installed', b)).ips[0]?.address, '10.22.0.3/24')
    await agent.start()
    await done('check', 'installed', b)
    await done('del', 'installed', b)
    await done('del', 'installed', a)
    assert.deepEqual([leases('installed'), veths()], [[], []])
  })
})
