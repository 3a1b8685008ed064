import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Container, Pod, PodSpec } from '../../src/api/objects/pod.ts'
import type { PodProcess } from '../../src/pod/processes.ts'
import { Agent } from './pod-agent-process.ts'
import { leaveForOwnNetwork, testPlace } from './pod-world.ts'

const dir = mkdtempSync(join(tmpdir(), 'kubehop-phases-'))
let agent: Agent

before(async () => {
  leaveForOwnNetwork()
  agent = await Agent.start(dir)
})
after(async () => {
  await agent.ask('stopAll')
  await agent.kill()
  rmSync(dir, { recursive: true })
})

const sh = (name: string, script: string, more: Partial<Container> = {}): Container => ({
  name,
  image: 'host',
  command: ['sh', '-c', script],
  volumeMounts: [{ name: 'v', mountPath: '/v' }],
  ...more,
})
const untilTerm = "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"

/** Something of each kind that a start and an end are made of, each telling in a file what it did. */
const spec: Partial<PodSpec> = {
  volumes: [{ name: 'v', emptyDir: {} }],
  terminationGracePeriodSeconds: 2,
  initContainers: [
    sh('init', 'sleep 0.03; echo init >> /v/told'),
    sh('sidecar', `echo sidecar >> /v/told; ${untilTerm}`, { restartPolicy: 'Always' }),
  ],
  containers: [
    sh('c', `echo c >> /v/told; ${untilTerm}`, {
      lifecycle: {
        postStart: { exec: { command: ['sh', '-c', 'sleep 0.03; echo hook >> /v/told'] } },
        preStop: { exec: { command: ['sleep', '0.05'] } },
      },
    }),
    sh('second', untilTerm),
  ],
}

/** Processes of pods: all but the agent's and this one. */
function inPods(): number {
  const own = readlinkSync('/proc/self/ns/uts')
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readlinkSync(`/proc/${entry}/ns/uts`) !== own
    } catch {
      return false // it ended meanwhile
    }
  }).length
}

function shims(): number {
  return readdirSync('/proc').filter((entry) => {
    try {
      return readFileSync(`/proc/${entry}/cmdline`, 'latin1').startsWith('kubehop shim ')
    } catch {
      return false // no process, or it ended meanwhile
    }
  }).length
}

const until = async (what: string, holds: () => boolean): Promise<void> => {
  const late = AbortSignal.timeout(60_000)
  while (!holds()) {
    assert.ok(!late.aborted, `not so after a minute: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
const groups = (): string[] =>
  Object.values(testPlace(dir.slice(dir.lastIndexOf('/') + 1)).place)
    .map((one) => join(one.dir, 'node1'))
    .flatMap((path) => (existsSync(path) ? readdirSync(path, { withFileTypes: true }) : []))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)

test('agents that are killed in every phase of a start and of an end: the pod comes up whole, once, and goes whole', async () => {
  for (let round = 0; round < 6; round++) {
    const name = `pod-${round}`
    const created = agent.ask('run', name, {}, spec).catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 10 + round * 33))
    await agent.kill()
    agent = await Agent.start(dir)
    void created
    if (!(await agent.ask<Pod | undefined>('get', name))) await agent.ask('run', name, {}, spec)
    const pod = await agent.ask<Pod>('ready', name)
    const told = (await agent.ask<{ out: string }>('exec', name, ['cat', '/v/told'])).out.trim().split('\n')
    // What was under way when the agent died may be done twice, as with kubelet; nothing is left out, and the order stays.
    const order = told.filter((word, at) => told.indexOf(word) === at)
    assert.deepEqual(order.slice(0, 3), ['init', 'sidecar', 'c'], told.join())
    assert.equal((await agent.ask<unknown[]>('cables')).length, 1)
    const found = (await agent.ask<PodProcess[]>('list')).find((one) => one.name === name)
    assert.equal(found?.address, pod.status?.podIP)
    await until('each container has one shim', () => shims() === 3)

    await agent.ask('remove', name)
    await new Promise((resolve) => setTimeout(resolve, round * 20))
    await agent.kill()
    agent = await Agent.start(dir)
    await agent.ask('gone', name)
    await until('no process is left', () => inPods() === 0 && shims() === 0)
    assert.deepEqual(await agent.ask('cables'), [])
    await until('no file and no control group is left', () => {
      return readdirSync(join(dir, 'pods', 'pods')).length === 0 && groups().length === 0
    })
  }
})
