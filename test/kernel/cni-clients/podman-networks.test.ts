import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { Agent, installPlugin } from './kubehop.ts'
import { confFolder, enterMachine, leaveMachine, must, run } from './machine.ts'
import { inspect, lacksPodman, podman, setUpPodman, start, startArguments } from './podman.ts'
import { get, leases, leftovers, nodeAddress, outside, outsideUrl, wget, writeNetwork } from './world.ts'

void describe('podman and networks', { skip: lacksPodman() }, () => {
  const agent = new Agent()
  before(async () => {
    enterMachine()
    await installPlugin('pods')
    await installPlugin('second', '10.23.0.0/30', 'cbr1')
    await agent.start()
    await setUpPodman()
  })
  afterEach(async () => {
    await podman('rm', '-f', '-a', '-t', '0')
    for (const network of ['pods', 'second']) assert.deepEqual(await leftovers(network), [])
  })
  after(async () => {
    await agent.stop('SIGTERM')
    leaveMachine()
  })

  test('published ports are reached from outside, from the machine and from the container itself', async () => {
    await using world = await outside()
    await start('a', '-p', '8081:80', '-p', '127.0.0.1:8082:80')
    const [own = ''] = leases('pods')
    assert.equal(await get(`http://${own}/cgi-bin/who`), '10.22.0.1')
    assert.equal(await get(`http://${nodeAddress}:8081/cgi-bin/who`, world.ns), '192.0.2.2')
    assert.equal(await get(`http://${nodeAddress}:8081/cgi-bin/who`), nodeAddress)
    assert.equal(await get('http://127.0.0.1:8082/cgi-bin/who'), '10.22.0.1')
    assert.equal(await podman('exec', 'a', ...wget(`http://${nodeAddress}:8081/cgi-bin/who`)), '10.22.0.1')
    const elsewhere = await run('podman', ['exec', 'a', ...wget(`http://${nodeAddress}:8082/cgi-bin/who`)])
    assert.match(elsewhere.err, /Connection refused/)
    await podman('restart', '-t', '0', 'a')
    assert.equal(await get(`http://${nodeAddress}:8081/cgi-bin/who`, world.ns), '192.0.2.2')
  })

  test('a port that another container has is refused with its name, and nothing is kept', async () => {
    await start('a', '-p', '8081:80')
    const refused = await run('podman', startArguments('b', '-p', '8081:80'))
    assert.match(refused.err, /publish port 8081\/TCP: eth0 of \w+ on pods has it/)
    assert.equal(leases('pods').length, 1)
    await podman('rm', '-f', '-t', '0', 'a')
    await podman('start', 'b')
    assert.equal(await get('http://127.0.0.1:8081/cgi-bin/who'), '10.22.0.1')
  })

  test('addresses that are asked for', async () => {
    const mac = '02:00:00:00:00:07'
    await start('a', '--ip', '10.22.0.77', '--mac-address', mac)
    assert.deepEqual(leases('pods'), ['10.22.0.77'])
    assert.equal(await inspect('a', '.NetworkSettings.Networks.pods.MacAddress'), mac)
    const refused = await run('podman', startArguments('b', '--ip', '10.22.0.77'))
    assert.match(refused.err, /10\.22\.0\.77/)
    assert.equal(refused.code, 126)
  })

  test('a container joins a second network and leaves it; the range of that one has an end', async () => {
    await start('a')
    await start('b')
    await podman('network', 'connect', 'second', 'a')
    assert.match(await podman('exec', 'a', 'ip', '-4', 'addr', 'show', 'eth1'), /inet 10\.23\.0\.2\/30/)
    const full = await run('podman', ['network', 'connect', 'second', 'b'])
    assert.match(full.err, /no IP addresses available in 10\.23\.0\.0\/30/)
    await podman('network', 'disconnect', 'second', 'a')
    await start('c', '--network', 'second')
    assert.match(await podman('exec', 'c', 'ip', '-4', 'addr', 'show', 'eth0'), /inet 10\.23\.0\.2\/30/)
    assert.equal(leases('pods').length, 2)
  })

  test("on two networks at once, one of them podman's own, a container reaches what is outside", async () => {
    await using world = await outside()
    await start('a', '--network', 'podman,pods')
    const routes = (await podman('exec', 'a', 'ip', 'route')).split('\n').filter((line) => line.startsWith('default'))
    assert.equal(routes.length, 2, routes.join('\n'))
    assert.equal(await podman('exec', 'a', ...wget(outsideUrl)), nodeAddress)
    assert.ok(world.ns.fd > 0)
  })

  test("Debian's own portmap, firewall and tuning behind ours", async () => {
    await using world = await outside()
    const portmap = { type: 'portmap', capabilities: { portMappings: true } }
    const third = { bridge: 'cbr2', ipam: { type: 'host-local', subnet: '10.24.0.0/24' } }
    writeNetwork('third', third, [portmap, { type: 'firewall' }, { type: 'tuning' }], '30')
    await start('a', '--network', 'third', '-p', '8083:80')
    assert.equal(await get(`http://${nodeAddress}:8083/cgi-bin/who`, world.ns), '192.0.2.2')
    // As Docker leaves it. Only firewall is asked to open it.
    await must('iptables', '-P', 'FORWARD', 'DROP')
    await start('b')
    assert.equal(await podman('exec', 'a', ...wget(outsideUrl)), nodeAddress)
    const dropped = await run('podman', ['exec', 'b', 'timeout', '1', 'wget', '-q', '-O', '-', outsideUrl])
    assert.deepEqual([dropped.code, dropped.out], [143, ''])
    for (const direction of ['-i', '-o']) await must('iptables', '-I', 'FORWARD', direction, 'cbr0', '-j', 'ACCEPT')
    assert.equal(await podman('exec', 'b', ...wget(outsideUrl)), nodeAddress)
    await podman('rm', '-f', '-a', '-t', '0')
    assert.deepEqual(await leftovers('third'), [])
    rmSync(join(confFolder, '30-third.conflist'))
  })

  test('a network of both IP families gives an address of each', async () => {
    const ranges = [[{ subnet: '10.26.0.0/24' }], [{ subnet: 'fd26::/64' }]]
    writeNetwork('both', { bridge: 'cbr4', ipam: { type: 'host-local', ranges } }, [], '30')
    await podman(...startArguments('a', '--network', 'both'), 'httpd', '-f', '-p', '80', '-h', '/www')
    await start('b', '--network', 'both')
    assert.equal(await inspect('b', '.NetworkSettings.Networks.both.GlobalIPv6Address'), 'fd26::3')
    assert.equal(await get('http://[fd26::2]/cgi-bin/who'), '[fd26::1]')
    assert.equal(await podman('exec', 'b', ...wget('http://[fd26::2]/cgi-bin/who')), '[fd26::3]')
    await podman('rm', '-f', '-a', '-t', '0')
    assert.deepEqual(await leftovers('both'), [])
    rmSync(join(confFolder, '30-both.conflist'))
  })

  test('what is wrong with a network is told when a container is to be on it', async () => {
    writeNetwork('wrong', { bridge: 'cbr3', ipam: { type: 'host-local', subnet: '10.25.0.1/24' } }, [], '40')
    const refused = await run('podman', startArguments('a', '--network', 'wrong'))
    assert.match(refused.err, /ipam\.subnet .*10\.25\.0\.1\/24/)
    rmSync(join(confFolder, '40-wrong.conflist'))
  })
})
