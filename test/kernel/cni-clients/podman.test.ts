import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { address, cidr, indexIn } from '../../../src/base/address.ts'
import { Agent, installPlugin } from './kubehop.ts'
import { enterMachine, leaveMachine, reboot, run } from './machine.ts'
import { inspect, lacksPodman, podman, setUpPodman, start, startArguments } from './podman.ts'
import { get, leases, leftovers, nodeAddress, outside, outsideUrl, untilLeases, wget } from './world.ts'

const subnet = cidr('10.22.0.0/24')

void describe('podman', { skip: lacksPodman() }, () => {
  const agent = new Agent()
  before(async () => {
    enterMachine()
    await installPlugin('pods')
    await agent.start()
    await setUpPodman()
  })
  afterEach(async () => {
    await podman('rm', '-f', '-a', '-t', '0')
    assert.deepEqual(await leftovers('pods'), [])
  })
  after(async () => {
    await agent.stop('SIGTERM')
    leaveMachine()
  })

  test('two containers have addresses, reach each other and what is outside; inspect says what the plugin said', async () => {
    await using world = await outside()
    await start('a')
    await start('b')
    assert.deepEqual(leases('pods'), ['10.22.0.2', '10.22.0.3'])
    assert.equal(await inspect('b', '.NetworkSettings.Networks.pods.IPAddress'), '10.22.0.3')
    assert.equal(await inspect('b', '.NetworkSettings.Networks.pods.Gateway'), '10.22.0.1')
    assert.equal(await inspect('b', '.NetworkSettings.Networks.pods.MacAddress'), '0a:58:0a:16:00:03')
    assert.equal(await get('http://10.22.0.2/cgi-bin/who'), '10.22.0.1')
    assert.equal(await podman('exec', 'b', ...wget('http://10.22.0.2/cgi-bin/who')), '10.22.0.3')
    assert.equal(await podman('exec', 'b', ...wget(outsideUrl)), nodeAddress)
    assert.ok(world.ns.fd > 0)
  })

  test('podman knows the network: ls and inspect', async () => {
    const networks = JSON.parse(await podman('network', 'ls', '--format', 'json')) as { name: string }[]
    assert.ok(networks.some(({ name }) => name === 'pods'))
    const [seen] = JSON.parse(await podman('network', 'inspect', 'pods')) as { driver: string }[]
    assert.equal(seen?.driver, 'kubehop')
  })

  test('stop frees the address, start takes the next one', async () => {
    await start('a')
    const [before = ''] = leases('pods')
    await podman('stop', '-t', '0', 'a')
    await untilLeases('pods', [])
    await podman('start', 'a')
    const [again = ''] = leases('pods')
    assert.equal(indexIn(subnet, address(again)), indexIn(subnet, address(before)) + 1n)
    assert.equal(await inspect('a', '.NetworkSettings.IPAddress'), again)
  })

  test('a container that is killed gives its address back; one whose monitor is killed, too, with rm', async () => {
    await start('a')
    await start('b')
    const [a, b] = leases('pods')
    process.kill(Number(await inspect('a', '.State.Pid')), 'SIGKILL')
    await untilLeases('pods', [b ?? assert.fail(a)])
    process.kill(Number(await inspect('b', '.State.ConmonPid')), 'SIGKILL')
    process.kill(Number(await inspect('b', '.State.Pid')), 'SIGKILL')
    assert.deepEqual(leases('pods'), [b])
    await podman('rm', '-f', 'b')
    assert.deepEqual(leases('pods'), [])
  })

  test('ten containers at once have ten addresses', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `c${index}`)
    await Promise.all(names.map((name) => start(name)))
    const given = (await inspect(names.join(' '), '.NetworkSettings.IPAddress')).split('\n')
    assert.deepEqual(given.toSorted(), leases('pods').toSorted())
    assert.equal(new Set(given).size, 10)
  })

  test('the agent is killed while containers start: they come all the same, or say so and come when asked again', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const starting = names.map((name) => run('podman', startArguments(name)))
    await Promise.race(starting)
    await agent.stop('SIGKILL')
    for (const [index, { code, err }] of (await Promise.all(starting)).entries()) {
      if (code === 0) continue
      assert.match(err, /the agent at .* ended.*DEL, then try again/)
      await podman('start', names[index] ?? '')
    }
    const given = (await inspect(names.join(' '), '.NetworkSettings.IPAddress')).split('\n')
    assert.deepEqual(given.toSorted(), leases('pods').toSorted())
    assert.equal(new Set(given).size, names.length)
    await podman('rm', '-f', '-t', '0', 'a')
    await agent.start()
  })

  test('after a reboot containers start again', async () => {
    await start('a')
    await start('b')
    await agent.stop('SIGKILL')
    await reboot()
    await agent.start()
    await podman('start', 'a', 'b')
    const given = (await inspect('a b', '.NetworkSettings.IPAddress')).split('\n')
    assert.deepEqual(given.toSorted(), leases('pods').toSorted())
    for (const own of given) assert.equal(await get(`http://${own}/cgi-bin/who`), '10.22.0.1')
  })
})
