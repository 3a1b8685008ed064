import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import type { Container, Pod } from '../../src/api/objects/pod.ts'
import { called, condition, ended, leaveForOwnNetwork, makeNode, testPlace, type Node } from './pod-world.ts'

// Containers that mean no good, or know no better. Whatever they do, a neighbour stays ready and answers. Fork bombs and those that eat memory are in
// pod-resources.test.ts, those that ignore SIGTERM in pod-sandbox.test.ts, full layers and volumes in pod-image.test.ts and pod-volumes.test.ts.

/** The least that a PID namespace can be told: what these tests can take of the machine. */
const most = 301

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode({ podPids: most })
  await node.run('neighbour', {
    command: ['sleep', '1000'],
    readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
  })
  await node.ready('neighbour')
})
afterEach(async () => {
  assert.equal((await node.exec('neighbour', ['echo', 'still here'])).out, 'still here\n')
  const pod = await node.client.get('Pod', 'neighbour', 'default')
  assert.equal(condition(pod, 'Ready'), 'True')
  assert.equal(pod?.status?.containerStatuses?.[0]?.restartCount, 0)
})
after(() => node[Symbol.asyncDispose]())

const { place, missing } = testPlace('none')
const skip = place.cpu && place.memory && place.pids ? false : `no group here: ${Object.values(missing).join('; ')}`
const sh = (script: string, more: Partial<Container> = {}): Partial<Container> => ({
  command: ['sh', '-c', script],
  ...more,
})
const terminated = (pod: Pod | undefined): string => {
  const { reason, exitCode } = pod?.status?.containerStatuses?.[0]?.state?.terminated ?? {}
  return `${reason} ${exitCode}`
}
const podOver = (pod: Pod | undefined): boolean => ['Failed', 'Succeeded'].includes(pod?.status?.phase ?? '')

test('who prints without end takes five files of 10 MiB of the disk, and its last lines can be read', async () => {
  const pod = await node.run('noisy', { command: ['yes', 'x'.repeat(4000)] })
  await node.ready('noisy')
  const dir = join(node.dir, 'pods', 'logs', `default_noisy_${pod.metadata.uid}`, 'c')
  // Following is told of each write: until the first file of all has been dropped.
  const follower = node.pods.logs('default', 'noisy', 'c', { follow: true, tailLines: 1 })
  let bytes = 0
  for await (const chunk of follower) if ((bytes += (chunk as Buffer).length) > 55 * 1024 * 1024) break
  assert.equal((await node.exec('neighbour', ['echo', 'meanwhile'])).out, 'meanwhile\n')
  const files = readdirSync(dir)
  assert.deepEqual(files.toSorted(), ['0.log', '0.log.1', '0.log.2', '0.log.3', '0.log.4'])
  const whole = files.reduce((sum, file) => sum + statSync(join(dir, file)).size, 0)
  assert.ok(whole <= 51 * 1024 * 1024, `${whole} bytes`)
  const last = (await node.logs('noisy', 'c', { tailLines: 3 })).split('\n')
  assert.deepEqual(
    last.map((line) => line.length),
    [4000, 4000, 4000, 0],
  )
  await node.delete('noisy')
})

test('a full /tmp, /dev/shm, /run or /dev is full for its container alone', async () => {
  // fallocate(1) is told at once; what is written is counted by dd.
  const script = `for at in /tmp /run /dev/shm; do fallocate -l 600M $at/big 2>&1 | grep -o 'No space left on device'; done
    dd if=/dev/zero of=/dev/full-up bs=4k count=64 2>&1 | grep -o 'No space left on device'
    seq -f /dev/d%g 5000 | xargs mkdir 2>&1 | grep -o 'No space left on device' | head -1
    echo works > /tmp/small; cat /tmp/small`
  const out = await node.sh('full', script)
  assert.equal(out, `${'No space left on device\n'.repeat(5)}works\n`)
  await node.delete('full')
})

test('what is written to memory counts for the limit of its container', { skip }, async () => {
  const fill = (at: string): string => `dd if=/dev/zero of=${at}/f bs=1M count=100 2> /dev/null`
  const limited = { resources: { limits: { memory: '32Mi' } } }
  await Promise.all(
    ['/tmp', '/dev/shm'].map((at, index) =>
      node.run(`heavy-${index}`, { ...sh(`${fill(at)}; exit $?`), ...limited }, { restartPolicy: 'Never' }),
    ),
  )
  // The shell outlives its command, and passes on how that ended.
  for (const name of ['heavy-0', 'heavy-1']) {
    assert.equal(terminated(await node.until(name, 'over', podOver)), 'OOMKilled 137')
    await node.delete(name)
  }
})

test('kill -9 -1 reaches a container and those that share their processes with it', async () => {
  assert.equal(await node.sh('alone', 'sleep 1000 & kill -9 -1; wait; echo alone'), 'alone\n')
  await node.delete('alone')
  const containers = ['a', 'b'].map((name) => ({ name, image: 'host', command: ['sleep', '1000'] }))
  // Both end at once: what is left of the one must not be taken for the next instance of the other, which may have its namespace's number.
  for (let round = 0; round < 10; round++) {
    await node.run('shared', {}, { shareProcessNamespace: true, containers })
    const { podIP } = (await node.ready('shared')).status ?? {}
    const pause = node.pods.list().find(({ name }) => name === 'shared')?.pausePid
    await node.exec('shared', ['sh', '-c', 'kill -9 -1'], 'a')
    const pod = await node.until('shared', 'restarted', (one) =>
      (one?.status?.containerStatuses ?? []).every(({ restartCount, ready }) => restartCount >= 1 && ready),
    )
    assert.deepEqual(
      pod?.status?.containerStatuses?.map(({ restartCount }) => restartCount),
      [1, 1],
    )
    assert.equal(pod?.status?.podIP, podIP)
    assert.equal(node.pods.list().find(({ name }) => name === 'shared')?.pausePid, pause)
    await node.delete('shared')
  }
})

test('zombies without end fill their pod and nothing else', async () => {
  // Nobody waits for them: not perl, and it is the first process.
  const script = '$| = 1; while (defined($pid = fork)) { exit if !$pid } print "full\\n"; sleep 1000'
  await node.run('zombies', { command: ['perl', '-e', script] })
  await node.ready('zombies')
  const [said] = (await once(node.pods.logs('default', 'zombies', 'c', { follow: true }), 'data')) as [Buffer]
  assert.equal(said.toString(), 'full\n')
  const first = node.pods.list().find(({ name }) => name === 'zombies')?.containers[0]?.pid ?? 0
  const count = readFileSync(`/proc/${first}/task/${first}/children`, 'latin1').trim().split(' ').length
  assert.ok(count > most - 20 && count < most, `${count} zombies`)
  await node.delete('zombies')
})

test('nobody in a container makes itself the last to be ended when memory runs out', async () => {
  const out = await node.sh(
    'shy',
    'cat /proc/self/oom_score_adj; for i in -1000 -1; do echo $i > /proc/self/oom_score_adj; done 2>&1; cat /proc/self/oom_score_adj',
  )
  assert.match(out, /^1000\n(.*(Permission denied|I\/O error)\n){2}1000\n$/)
  await node.delete('shy')
})

test('a container among shared processes that forks without end is ended with its first process', async () => {
  // Only what is built in: once it is said that nothing more can be started, this shell cannot either.
  const bomb =
    'trap "" TERM; (while :; do sleep 4010 & done) 2> /tmp/said & until read said < /tmp/said; do :; done 2> /dev/null; exit 3'
  await node.run(
    'bomb',
    {},
    {
      shareProcessNamespace: true,
      restartPolicy: 'Never',
      containers: [
        { name: 'a', image: 'host', command: ['sh', '-c', bomb] },
        { name: 'b', image: 'host', command: ['sleep', '4011'] },
      ],
    },
  )
  await node.until('bomb', 'ended', (one) =>
    (one?.status?.containerStatuses ?? []).some(({ name, state }) => name === 'a' && state?.terminated?.exitCode === 3),
  )
  assert.deepEqual(called('sleep', '4010'), [], 'what it started has ended')
  assert.equal(called('sleep', '4011').length, 1, 'the other container goes on')
  await node.delete('bomb')
})

test('a command of kubectl exec ends with its client, and with it what it started', async () => {
  await node.run('entered', { command: ['sleep', '1000'] })
  await node.ready('entered')
  for (const tty of [false, true]) {
    const command = ['sh', '-c', 'sleep 4012 & sleep 4012 & (sleep 4012; :) & echo up; wait']
    const client = await node.pods.exec('default', 'entered', 'c', { command, tty })
    client.stderr?.resume()
    await once(client.stdout, 'data')
    while (called('sleep', '4012').length < 3) await new Promise(setImmediate)
    const left = called('sleep', '4012')
    client.kill()
    await client.exit
    await ended(left)
    assert.deepEqual(called('sleep', '4012'), [])
  }
  await node.delete('entered')
})
