import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { Containerd, ctrRun, setUpContainers } from './containerd.ts'
import { addressOf, networkTrouble, removeSandbox, runSandbox, sandboxes, stopSandbox } from './cri.ts'
import { Agent, installPlugin } from './kubehop.ts'
import { enterMachine, lacks, leaveMachine, must } from './machine.ts'
import { get, leases, leftovers, nodeAddress, outside, outsideUrl, veths, wget } from './world.ts'

void describe('containerd', { skip: lacks('containerd', 'ctr', 'crun', 'busybox', 'nft', 'tc') }, () => {
  const containerd = new Containerd()
  const agent = new Agent()
  before(async () => {
    enterMachine()
    await installPlugin('pods')
    await agent.start()
    await containerd.start()
    await setUpContainers()
  })
  afterEach(async () => {
    await containerd.start()
    for (const id of await sandboxes()) {
      await stopSandbox(id)
      await removeSandbox(id)
    }
    assert.deepEqual(await leftovers('pods'), [])
  })
  after(async () => {
    await containerd.stop('SIGTERM')
    await agent.stop('SIGTERM')
    leaveMachine()
  })

  test('ctr run --cni: a container has an address, reaches another and what is outside, and gives it back', async () => {
    await using world = await outside()
    assert.ok(world.ns.fd > 0)
    const sandbox = await runSandbox('web')
    const web = await addressOf(sandbox)
    await get(`http://${web}/cgi-bin/who`)
    const asked = await ctrRun(['--rm'], 'a', ...wget(`http://${web}/cgi-bin/who`))
    assert.deepEqual([asked.code, asked.err], [0, ''])
    assert.notEqual(asked.out.trim(), web)
    assert.match(asked.out, /^10\.22\.0\.\d+\n$/)
    const beyond = await ctrRun(['--rm'], 'a', ...wget(outsideUrl))
    assert.deepEqual([beyond.out.trim(), beyond.err], [nodeAddress, ''])
    assert.deepEqual(leases('pods'), [web])
  })

  test('the CRI: pods have addresses, which are theirs until they are stopped', async () => {
    assert.equal(await networkTrouble(), '')
    const [a, b] = [await runSandbox('a'), await runSandbox('b')]
    const [first, second] = [await addressOf(a), await addressOf(b)]
    assert.deepEqual(leases('pods').toSorted(), [first, second].toSorted())
    assert.equal(await get(`http://${first}/cgi-bin/who`), '10.22.0.1')
    await stopSandbox(a)
    await stopSandbox(a)
    assert.deepEqual(leases('pods'), [second])
    await removeSandbox(a)
    assert.equal(await get(`http://${second}/cgi-bin/who`), '10.22.0.1')
  })

  test('a port of the node leads to a pod', async () => {
    await using world = await outside()
    await runSandbox('a', [{ containerPort: 80, hostPort: 8081 }])
    assert.equal(await get(`http://${nodeAddress}:8081/cgi-bin/who`, world.ns), '192.0.2.2')
    await assert.rejects(runSandbox('b', [{ containerPort: 80, hostPort: 8081 }]), /publish port 8081\/TCP.*has it/)
    assert.equal(leases('pods').length, 1)
  })

  test('annotations of a pod say how fast it may be', async () => {
    const to = 'kubernetes.io/ingress-bandwidth'
    await runSandbox('a', [], { [to]: '20M' })
    const [veth = assert.fail()] = veths()
    assert.match(await must('tc', 'qdisc', 'show', 'dev', veth), /tbf .*rate 20Mbit/)
  })

  for (const signal of ['SIGTERM', 'SIGKILL'] as const)
    test(`containerd ends by ${signal} and comes back: pods keep their addresses, and give them back later`, async () => {
      const a = await runSandbox('a')
      const own = await addressOf(a)
      await containerd.stop(signal)
      assert.equal(await get(`http://${own}/cgi-bin/who`), '10.22.0.1')
      await containerd.start()
      assert.equal(await addressOf(a), own)
      assert.deepEqual(leases('pods'), [own])
      const b = await runSandbox('b')
      assert.notEqual(await addressOf(b), own)
      await stopSandbox(a)
      assert.deepEqual(leases('pods'), [await addressOf(b)])
    })

  test('a pod that was killed keeps its address until kubelet stops it', async () => {
    const a = await runSandbox('a')
    const own = await addressOf(a)
    const [, pid] = /(\d+)\s+RUNNING/.exec(await must('ctr', '-n', 'k8s.io', 'task', 'ls')) ?? assert.fail()
    process.kill(Number(pid), 'SIGKILL')
    assert.deepEqual(leases('pods'), [own])
    await stopSandbox(a)
    assert.deepEqual(leases('pods'), [])
  })

  test('ten pods at once have ten addresses', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, (_, index) => runSandbox(`p${index}`)))
    const given = await Promise.all(ids.map(addressOf))
    assert.deepEqual(given.toSorted(), leases('pods').toSorted())
    assert.equal(new Set(given).size, 10)
    await Promise.all(ids.map(stopSandbox))
  })
})
