import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Container } from '../../src/api/objects/pod.ts'
import { startedAt } from '../../src/kernel/process.ts'
import { Agent } from './pod-agent-process.ts'
import { called, leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

// Where there are control groups they end what a container leaves behind. Here there are none, as on many a machine for an ordinary user.
let node: Node
before(async () => {
  leaveForOwnNetwork()
  const why = 'not for this node'
  node = await makeNode({ groups: { place: {}, missing: { cpu: why, memory: why, pids: why } } })
})
after(async () => node[Symbol.asyncDispose]())

/** Two forks: the orphan belongs to nobody but the first process of the PID namespace. The container is ready when the orphan is what it shall be. */
const leaves = (name: string, seconds: number): Container => ({
  name,
  image: 'host',
  command: ['sh', '-c', `trap 'exit 0' TERM; (setsid sleep ${seconds} &) ; while :; do sleep 1000 & wait; done`],
  readinessProbe: { exec: { command: ['pgrep', '-fx', `sleep ${seconds}`] }, periodSeconds: 1 },
})

test('what a container leaves behind in shared processes ends with it, also without control groups', async () => {
  await node.run('orphans', {}, { shareProcessNamespace: true, containers: [leaves('a', 4101), leaves('b', 4102)] })
  await node.ready('orphans')
  const [ofA, ofB] = [called('sleep', '4101'), called('sleep', '4102')]
  assert.deepEqual([ofA.length, ofB.length], [1, 1])
  process.kill(node.pods.list()[0]?.containers[0]?.pid ?? assert.fail('no process'))
  await node.until('orphans', 'restarted', (pod) => pod?.status?.containerStatuses?.[0]?.restartCount === 1)
  await endedSoon(ofA)
  assert.ok(startedAt(ofB[0] ?? 0), 'the other container keeps its own')
  await node.delete('orphans', 5)
})

test("among the node's processes a container ends as a whole, also without control groups", async () => {
  await node.run('watcher', {}, { hostPID: true, containers: [leaves('a', 4103)] })
  await node.ready('watcher')
  const left = called('sleep', '4103')
  assert.equal(left.length, 1)
  await node.delete('watcher', 5)
  await endedSoon(left)
})

test("a pod that was deleted while no agent was there leaves nothing among the node's processes", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kubehop-ungrouped-'))
  t.after(() => rmSync(dir, { recursive: true }))
  let agent = await Agent.start(dir, 'ungrouped')
  t.after(async () => {
    await agent.ask('stopAll')
    await agent.kill()
  })
  await agent.ask('run', 'forgotten', {}, { hostPID: true, containers: [leaves('a', 4104)] })
  await agent.ask('ready', 'forgotten')
  const left = called('sleep', '4104')
  assert.equal(left.length, 1)
  await agent.ask('close')
  await agent.ask('forget', 'forgotten')
  await agent.kill()
  assert.ok(startedAt(left[0] ?? 0), 'nobody was there to end it')
  agent = await Agent.start(dir, 'ungrouped')
  await endedSoon(left)
})

/** One that stays is ended here, or it would be for good. */
async function endedSoon(pids: readonly number[]): Promise<void> {
  const late = AbortSignal.timeout(10_000)
  while (pids.some((pid) => startedAt(pid) !== undefined)) {
    if (late.aborted) {
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      assert.fail('a process that a container left behind goes on')
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
