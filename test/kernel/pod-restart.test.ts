import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import { startedAt } from '../../src/kernel/process.ts'
import type { PodProcess } from '../../src/pod/processes.ts'
import { Agent } from './pod-agent-process.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

const dir = mkdtempSync(join(tmpdir(), 'kubehop-restart-'))
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

const find = async (name: string): Promise<PodProcess | undefined> =>
  (await agent.ask<PodProcess[]>('list')).find((one) => one.name === name)
/** How many processes are in the network namespace of this one. */
const processesIn = (pid: number): number => {
  const network = readlinkSync(`/proc/${pid}/ns/net`)
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readlinkSync(`/proc/${entry}/ns/net`) === network
    } catch {
      return false // it ended meanwhile
    }
  }).length
}
const pidsOf = (...args: string[]): number[] =>
  readdirSync('/proc')
    .filter((entry) => {
      try {
        return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/cmdline`, 'utf8') === `${args.join('\0')}\0`
      } catch {
        return false // it ended meanwhile
      }
    })
    .map(Number)
const processesCalled = (title: string): number => pidsOf(title).length
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('an agent that is killed harms no container, and the next one goes on with them', async () => {
  await agent.ask('run', 'steady', {
    command: ['sh', '-c', 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done'],
    readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
  })
  const was = await agent.ask<Pod>('ready', 'steady')
  const process = await find('steady')
  await agent.kill()
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.ok(startedAt(process?.containers[0]?.pid ?? 0))
  agent = await Agent.start(dir)
  assert.deepEqual(await find('steady'), process)
  const is = await agent.ask<Pod>('get', 'steady')
  assert.deepEqual(is.status, was.status, 'nothing about the pod has changed')
  const { out } = await agent.ask<{ out: string }>('exec', 'steady', ['sh', '-c', 'echo $HOSTNAME'])
  assert.equal(out, 'steady\n')
  const lines = (await agent.ask<string>('logs', 'steady')).trimEnd().split('\n').map(Number)
  // What nobody has read waits in the pipe. A line that the agent had in its hand, read and not yet written, is lost with it: one at most.
  const last = lines.at(-1) ?? 0
  const lost = Array.from({ length: last }, (_, line) => line).filter((line) => !lines.includes(line))
  assert.ok(lost.length <= 1, `lost ${lost.join()} of ${lines.join()}`)
  assert.ok(last > 10, 'those of the time without an agent are there')
  assert.deepEqual(
    lines,
    lines.toSorted((a, b) => a - b),
  )
  await agent.ask('delete', 'steady')
  assert.equal(startedAt(process?.pausePid ?? 0), undefined)
})

test('what was ready stays so under the next agent until its probe has failed as often as it may', async () => {
  const probe = { exec: { command: ['test', '-e', '/tmp/fine'] }, periodSeconds: 30 }
  const command = ['sh', '-c', 'touch /tmp/fine; while :; do sleep 1000; done']
  await agent.ask('run', 'sick', { command, readinessProbe: probe })
  await agent.ask('ready', 'sick')
  await agent.ask('exec', 'sick', ['rm', '/tmp/fine'])
  await agent.kill()
  agent = await Agent.start(dir)
  // It is asked at once, and the first failure is told, not obeyed.
  let events: string[] = []
  while (!events.some((event) => event.includes('Readiness probe failed')))
    events = await agent.ask<string[]>('events', 'sick')
  const { status } = await agent.ask<Pod>('get', 'sick')
  assert.equal(status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True')
  assert.equal(status?.containerStatuses?.[0]?.ready, true)
  await agent.ask('delete', 'sick')
})

test('what ended while no agent was there is told, and restarted, by the next', async () => {
  await agent.ask(
    'run',
    'mortal',
    {
      command: ['sh', '-c', 'while ! test -e /v/go; do sleep 0.01; done; rm /v/go; echo last words; exit 9'],
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
    },
    { volumes: [{ name: 'v', emptyDir: {} }] },
  )
  await agent.ask('ready', 'mortal')
  const process = await find('mortal')
  await agent.ask('exec', 'mortal', ['sh', '-c', '(sleep 0.3; touch /v/go) > /dev/null 2>&1 &'])
  await agent.kill()
  await until(() => startedAt(process?.containers[0]?.pid ?? 0) === undefined)
  agent = await Agent.start(dir)
  const pod = await agent.ask<Pod>('restarted', 'mortal', 1)
  assert.equal(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 9)
  assert.equal((await find('mortal'))?.pausePid, process?.pausePid)
  await agent.ask('delete', 'mortal')
})

test('of containers that share their processes, what one left while no agent was there ends with it', async () => {
  const script = "(setsid sleep 4510 &); trap 'exit 3' TERM; touch /tmp/up; while :; do sleep 1000 & wait; done"
  const up = { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1 }
  await agent.ask(
    'run',
    'sharing',
    { command: ['sh', '-c', script], readinessProbe: up },
    { shareProcessNamespace: true },
  )
  await agent.ask('ready', 'sharing')
  const first = (await find('sharing'))?.containers[0]?.pid ?? 0
  // The shell does not wait for it.
  await until(() => pidsOf('sleep', '4510').length === 1)
  const [orphan = 0] = pidsOf('sleep', '4510')
  await agent.kill()
  process.kill(first)
  await until(() => startedAt(first) === undefined)
  assert.ok(startedAt(orphan), 'nobody was there to end it')
  agent = await Agent.start(dir)
  const pod = await agent.ask<Pod>('restarted', 'sharing', 1)
  assert.equal(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 3)
  assert.equal(startedAt(orphan), undefined)
  await agent.ask('delete', 'sharing')
})

test('a container that went to the files of the machine is ended alone by the next agent', async () => {
  const bystander = spawn('sleep', ['4511'])
  const command = ['nsenter', '--target', String(process.pid), '--mount', 'sleep', '4512']
  await agent.ask('run', 'visitor', { command, securityContext: { privileged: true } }, { hostPID: true })
  await agent.ask('ready', 'visitor')
  await until(() => pidsOf('sleep', '4512').length === 1)
  await agent.kill()
  agent = await Agent.start(dir)
  await agent.ask('delete', 'visitor')
  assert.deepEqual(pidsOf('sleep', '4512'), [])
  assert.ok(startedAt(bystander.pid ?? 0), 'a process of the machine was ended')
  bystander.kill()
})

test('what a container has put into namespaces of its own (a sandbox in a container) goes on under the next agent', async () => {
  const inside = (seconds: number): string => `unshare --pid --fork --mount sleep ${seconds}`
  const container = (name: string, seconds: number): object => ({
    name,
    image: 'host',
    securityContext: { privileged: true },
    command: ['sh', '-c', `${inside(seconds)} & ${inside(seconds)} & wait`],
  })
  await agent.ask('run', 'nesting', {}, { containers: [container('c', 4520)] })
  const containers = [container('a', 4521), container('b', 4522)]
  await agent.ask('run', 'nesting-shared', {}, { shareProcessNamespace: true, containers })
  const nested = (): number[] => [4520, 4521, 4522].flatMap((seconds) => pidsOf('sleep', String(seconds)))
  await until(() => nested().length === 6)
  const were = nested()
  for (const name of ['nesting', 'nesting-shared']) await agent.ask('ready', name)
  await agent.kill()
  agent = await Agent.start(dir)
  assert.deepEqual(nested(), were)
  for (const name of ['nesting', 'nesting-shared']) await agent.ask('delete', name)
  assert.deepEqual(nested(), [])
})

test('a pod that was deleted while no agent was there is removed by the next', async () => {
  await agent.ask(
    'run',
    'doomed',
    { command: ['sleep', '1000'] },
    { volumes: [{ name: 'm', emptyDir: { medium: 'Memory' } }] },
  )
  const { metadata } = await agent.ask<Pod>('ready', 'doomed')
  const process = await find('doomed')
  await agent.ask('close')
  await agent.ask('forget', 'doomed')
  await agent.kill()
  assert.ok(startedAt(process?.pausePid ?? 0))
  agent = await Agent.start(dir)
  await until(() => startedAt(process?.pausePid ?? 0) === undefined)
  await until(() => !readdirSync(join(dir, 'pods', 'pods')).includes(metadata.uid ?? ''))
  assert.deepEqual(await agent.ask('cables'), [])
})

test('what a killed agent had not yet removed of a pod that has gone, nor had written down of one that never came, is removed by the next', async () => {
  await agent.kill()
  const uid = '0b4b1f3e-5d5c-4b39-8c36-1d6b8a3f2c11'
  const left = [join('pods', uid, 'volumes', 'm'), join('pods', uid, 'etc'), join('logs', `default_half_${uid}`, 'c')]
  for (const path of left) mkdirSync(join(dir, 'pods', path), { recursive: true })
  writeFileSync(join(dir, 'pods', 'logs', `default_half_${uid}`, 'c', '0.log'), 'begun')
  agent = await Agent.start(dir)
  for (const folder of ['pods', 'logs'])
    assert.ok(!readdirSync(join(dir, 'pods', folder)).some((name) => name.includes(uid)))
})

test('a sandbox that died while no agent was there is made anew', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }]
  const first = { name: 'first', image: 'host', command: ['sh', '-c', 'echo ran >> /v/runs'], volumeMounts }
  const spec = { volumes: [{ name: 'v', emptyDir: {} }], initContainers: [first] }
  await agent.ask('run', 'orphan', { command: ['sleep', '1000'], volumeMounts }, spec)
  await agent.ask('run', 'once', { command: ['sleep', '1000'] }, { restartPolicy: 'Never' })
  for (const name of ['orphan', 'once']) await agent.ask('ready', name)
  const was = await find('orphan')
  const once = await find('once')
  await agent.kill()
  for (const pause of [was?.pausePid, once?.pausePid]) process.kill(pause ?? 0, 'SIGKILL')
  agent = await Agent.start(dir)
  const pod = await agent.ask<Pod>('restarted', 'orphan', 1)
  // Init containers prepare what is in the sandbox, too.
  assert.equal((await agent.ask<{ out: string }>('exec', 'orphan', ['cat', '/v/runs'])).out, 'ran\nran\n')
  assert.equal(pod.status?.initContainerStatuses?.[0]?.restartCount, 1)
  const is = await find('orphan')
  assert.notEqual(is?.pausePid, was?.pausePid)
  assert.equal(is?.address, pod.status?.podIP)
  for (const before of [was, once]) assert.equal(startedAt(before?.containers[0]?.pid ?? 0), undefined)
  // Who starts nothing again gets no other sandbox.
  const over = await agent.ask<Pod>('ended', 'once')
  assert.equal(over.status?.containerStatuses?.[0]?.restartCount, 0)
  assert.deepEqual(
    (await agent.ask<string[]>('events', 'once')).filter((one) => one.includes('Sandbox')),
    [],
  )
  assert.equal((await agent.ask<unknown[]>('cables')).length, 1)
  for (const name of ['orphan', 'once']) await agent.ask('delete', name)
})

test('agents that are killed at any moment of a start leave nothing twice', async () => {
  for (let round = 0; round < 12; round++) {
    const name = `torn-${round}`
    void agent.ask('run', name, { command: ['sleep', '1000'] }).catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 4 + round * 3))
    await agent.kill()
    agent = await Agent.start(dir)
    const pod = await agent.ask<Pod | undefined>('get', name)
    if (!pod) continue
    await agent.ask('ready', name)
    assert.equal((await agent.ask<unknown[]>('cables')).length, 1)
    assert.equal(processesIn((await find(name))?.pausePid ?? 0), 2, 'pause and one container')
    // One that the dead agent had no time to note ends by itself.
    await until(() => processesCalled(`kubehop pause default/${name}`) === 1)
    await agent.ask('delete', name)
    assert.equal((await agent.ask<unknown[]>('cables')).length, 0)
    // Of one that nobody noted, too: it waits for an agent that knows it.
    await until(() => processesCalled(`kubehop shim default/${name}/c`) === 0)
  }
})
