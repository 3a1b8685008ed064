import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { Containerd, ctrRun, setUpContainers } from './containerd.ts'
import { addressOf, networkTrouble, removeSandbox, runSandbox, sandboxes, stopSandbox } from './cri.ts'
import { Agent, installPlugin, uninstallPlugin } from './kubehop.ts'
import { confFolder, enterMachine, lacks, leaveMachine, must, pluginFolder, program, run } from './machine.ts'
import { leases, leftovers, writeNetwork } from './world.ts'

const small = { bridge: 'cbr9', ipam: { type: 'host-local', subnet: '10.22.0.0/30' } }

void describe('containerd in trouble', { skip: lacks('containerd', 'ctr', 'crun', 'busybox', 'nft') }, () => {
  const containerd = new Containerd()
  const agent = new Agent()
  before(async () => {
    enterMachine()
    // podman's own would take the place of ours.
    rmSync(join(confFolder, '87-podman-bridge.conflist'), { force: true })
    await installPlugin('pods')
    await agent.start()
    await containerd.start()
    await setUpContainers()
  })
  afterEach(async () => {
    await agent.start()
    await containerd.start()
    for (const id of await sandboxes()) {
      await stopSandbox(id)
      await removeSandbox(id)
    }
    assert.deepEqual(await leftovers('pods'), [])
    rmSync(join(confFolder, '05-pods.conflist'), { force: true })
  })
  after(async () => {
    await containerd.stop('SIGTERM')
    await agent.stop('SIGTERM')
    leaveMachine()
  })

  /** Another network in the place of the installed one. containerd reads it in its own time, or when it starts. */
  async function use(...network: Parameters<typeof writeNetwork>): Promise<void> {
    await containerd.stop('SIGTERM')
    writeNetwork(...network)
    await containerd.start()
  }

  test('without a network the node is not ready; it is as soon as one is installed', async () => {
    await uninstallPlugin('pods')
    await containerd.stop('SIGTERM')
    await containerd.start()
    assert.match(await networkTrouble(), /cni plugin not initialized/)
    await assert.rejects(runSandbox('a'), /cni plugin not initialized/)
    await installPlugin('pods')
    while ((await networkTrouble()) !== '');
    const a = await runSandbox('b')
    assert.deepEqual(leases('pods'), [await addressOf(a)])
  })

  test('a network that changes is read again', async () => {
    writeNetwork('pods', { bridge: 'cbr8', ipam: { type: 'host-local', subnet: '10.28.0.0/24' } }, [], '05')
    for (let own = ''; !own.startsWith('10.28.0.'); ) {
      const a = await runSandbox('a')
      own = await addressOf(a)
      await stopSandbox(a)
      await removeSandbox(a)
    }
  })

  test('a range without addresses is told, and nothing is kept of who got none', async () => {
    await use('pods', small, [], '05')
    const a = await runSandbox('a')
    assert.equal(await addressOf(a), '10.22.0.2')
    await assert.rejects(runSandbox('b'), /no IP addresses available in 10\.22\.0\.0\/30/)
    await stopSandbox(a)
    assert.equal(await addressOf(await runSandbox('c')), '10.22.0.2')
  })

  test('a plugin behind ours fails: containerd has ours take back what it gave', async () => {
    const trouble = JSON.stringify({ cniVersion: '1.0.0', code: 100, msg: 'no such luck' })
    program(join(pluginFolder, 'unlucky'), [`[ "$CNI_COMMAND" != ADD ] || { echo '${trouble}'; exit 1; }`])
    await use('pods', {}, [{ type: 'unlucky' }], '05')
    await assert.rejects(runSandbox('a'), /type="unlucky" failed \(add\): no such luck/)
    assert.deepEqual(await leftovers('pods'), [])
  })

  test('a network that is wrong is told as it is wrong', async () => {
    await use('pods', { promisc: true }, [], '05')
    await assert.rejects(runSandbox('a'), /promisc/)
  })

  test('the agent is killed while pods are made: kubelet asks again, and each has an address', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const making = names.map((name) => runSandbox(name).catch((error: Error) => error))
    await Promise.race(making)
    await agent.stop('SIGKILL')
    for (const [index, made] of (await Promise.all(making)).entries()) {
      if (!(made instanceof Error)) continue
      assert.match(made.message, /the agent at .* ended.*DEL, then try again/)
      await runSandbox(`${names[index]}-again`)
    }
    await agent.start()
    const pods = await Promise.all((await sandboxes()).map(addressOf))
    const given = pods.filter((own) => own !== '')
    assert.deepEqual(given.toSorted(), leases('pods').toSorted())
    assert.equal(given.length, names.length)
  })

  test('ctr run --detach never asks for DEL: the next agent frees the address', async () => {
    assert.equal((await ctrRun(['--detach'], 'a', 'sleep', '1000')).code, 0)
    const [own = assert.fail()] = leases('pods')
    await must('ctr', 'task', 'kill', '--signal', 'SIGKILL', 'a')
    // Until it has ended, it is not deleted.
    while ((await must('ctr', 'task', 'ls', '-q')) !== '') await run('ctr', ['task', 'delete', 'a'])
    await must('ctr', 'container', 'delete', 'a')
    assert.deepEqual(leases('pods'), [own])
    await agent.stop('SIGTERM')
    await agent.start()
    assert.deepEqual(leases('pods'), [])
    rmSync('/var/lib/cni/results', { recursive: true })
  })
})
