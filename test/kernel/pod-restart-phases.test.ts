import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
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

/** Command lines of the processes of a pod: of other tests there may be some on this machine, too. */
function processesOf(pod: string): string[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'latin1').replaceAll('\0', ' ')
      const isAround = command.startsWith('kubehop ') && command.includes(`/${pod}`)
      return isAround || readFileSync(`/proc/${entry}/environ`, 'latin1').includes(`HOSTNAME=${pod}\0`) ? [command] : []
    } catch {
      return [] // no process, or it ended meanwhile
    }
  })
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
    const name = `phase-${round}`
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
    assert.equal(order[0], 'init', told.join())
    // The sidecar has started when its process runs: what stands behind it may write first.
    const others = order.filter((word) => word !== 'hook').toSorted()
    assert.deepEqual(others, ['c', 'init', 'sidecar'], told.join())
    assert.equal((await agent.ask<unknown[]>('cables')).length, 1)
    const found = (await agent.ask<PodProcess[]>('list')).find((one) => one.name === name)
    assert.equal(found?.address, pod.status?.podIP)
    const shims = (): string[] => processesOf(name).filter((command) => command.startsWith('kubehop shim '))
    await until('each container has one shim', () => shims().length === 3)
    assert.ok(processesOf(name).length > 6, 'with pause, and what runs in containers')

    await agent.ask('remove', name)
    await new Promise((resolve) => setTimeout(resolve, round * 20))
    await agent.kill()
    agent = await Agent.start(dir)
    await agent.ask('gone', name)
    await until('no process is left', () => processesOf(name).length === 0)
    assert.deepEqual(await agent.ask('cables'), [])
    await until('no file and no control group is left', () => {
      return readdirSync(join(dir, 'pods', 'pods')).length === 0 && groups().length === 0
    })
  }
})
