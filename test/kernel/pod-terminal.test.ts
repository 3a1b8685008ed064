import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import { startedAt } from '../../src/kernel/process.ts'
import type { PodProcess } from '../../src/pod/processes.ts'
import { Agent } from './pod-agent-process.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

// Terminals and standard inputs of containers whose agent is killed.
const dir = mkdtempSync(join(tmpdir(), 'kubehop-terminal-'))
let agent: Agent

before(async () => {
  leaveForOwnNetwork()
  agent = await Agent.start(dir)
})
after(async () => {
  await agent.ask('stopAll')
  await agent.kill()
  rmSync(dir, { recursive: true })
  assert.deepEqual(shims(), [], 'no shim waits for somebody who will not come')
})

/** Other tests have shims at the same time. */
const ours = /^kubehop shim default\/(shell|wall|last|last-tty|open|single|user|user-tty)\//
const shims = (): string[] =>
  readdirSync('/proc').flatMap((entry) => {
    try {
      const title = readFileSync(`/proc/${entry}/cmdline`, 'utf8')
      return ours.test(title) ? [title] : []
    } catch {
      return [] // no process, or one that ended meanwhile
    }
  })
const firstOf = async (name: string): Promise<number> =>
  (await agent.ask<PodProcess[]>('list')).find((one) => one.name === name)?.containers[0]?.pid ?? 0
const gone = async (pid: number): Promise<void> => {
  while (startedAt(pid) !== undefined) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('a terminal outlives its agent: the next one shows it, and it is the same', async () => {
  await agent.ask('run', 'shell', { command: ['sh'], stdin: true, tty: true })
  await agent.ask('ready', 'shell')
  await agent.ask('talk', 'shell', 'here=before; echo ok-$((1+1))\n', 'ok-2')
  const pid = await firstOf('shell')
  await agent.kill()
  agent = await Agent.start(dir)
  assert.equal(await firstOf('shell'), pid)
  const text = await agent.ask<string>('talk', 'shell', 'echo $here; tty; stty size; echo end-$((2+2))\n', 'end-4')
  assert.match(text, /before\r\n\/dev\/pts\/0\r\n33 99\r\n/)
  assert.match(await agent.ask('logs', 'shell'), /ok-2[^]*end-4/)
  await agent.ask('delete', 'shell')
})

test('what a terminal shows while no agent is there is not lost, and its program waits when there is too much', async () => {
  const script = 'while ! test -e /tmp/go; do sleep 0.02; done; seq 1 50000; sleep 1000'
  await agent.ask('run', 'wall', { command: ['sh', '-c', script], tty: true })
  await agent.ask('ready', 'wall')
  await agent.ask('exec', 'wall', ['sh', '-c', '(sleep 0.2; touch /tmp/go) > /dev/null 2>&1 &'])
  await agent.kill()
  await new Promise((resolve) => setTimeout(resolve, 500))
  agent = await Agent.start(dir)
  // Only what is printed from now on, and all of it: the end comes when the program may print on.
  while (!/^50000\r$/m.test(await agent.ask('logs', 'wall', 'c', { tailLines: 2 })))
    await new Promise((resolve) => setTimeout(resolve, 20))
  const lines = (await agent.ask<string>('logs', 'wall')).trimEnd().split('\r\n').map(Number)
  assert.deepEqual(
    lines,
    Array.from({ length: 50_000 }, (_, at) => at + 1),
  )
  await agent.ask('delete', 'wall')
})

test('the last words of a container that ends while no agent is there are in its log', async () => {
  for (const tty of [false, true]) {
    const name = tty ? 'last-tty' : 'last'
    const script = 'while ! test -e /tmp/go; do sleep 0.02; done; echo last words; exit 9'
    await agent.ask('run', name, { command: ['sh', '-c', script], tty }, { restartPolicy: 'Never' })
    await agent.ask('ready', name)
    const pid = await firstOf(name)
    await agent.ask('exec', name, ['sh', '-c', '(sleep 0.2; touch /tmp/go) > /dev/null 2>&1 &'])
    await agent.kill()
    await gone(pid)
    agent = await Agent.start(dir)
    const pod = await agent.ask<Pod>('ended', name)
    assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 9)
    assert.equal(await agent.ask('logs', name), tty ? 'last words\r\n' : 'last words\n')
    await agent.ask('delete', name)
  }
})

test('an input that is for all stays open over a new agent; one for a single client ends with the agent that served it', async () => {
  const command = ['sh', '-c', 'cat; echo over; sleep 1000']
  await agent.ask('run', 'open', { command, stdin: true })
  await agent.ask('run', 'single', { command, stdin: true, stdinOnce: true })
  await agent.ask('ready', 'open')
  await agent.ask('ready', 'single')
  await agent.ask('talk', 'open', 'one\n', 'one\n')
  // Its client is still there when the agent dies.
  void agent.ask('talk', 'single', 'one\n', 'never').catch(() => undefined)
  while ((await agent.ask('logs', 'single')) !== 'one\n') await new Promise((resolve) => setTimeout(resolve, 5))
  await agent.kill()
  agent = await Agent.start(dir)
  assert.equal(await agent.ask('talk', 'open', 'two\n', 'two\n'), 'two\n')
  while ((await agent.ask('logs', 'single')) !== 'one\nover\n') await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(await agent.ask('logs', 'open'), 'one\ntwo\n')
  await agent.ask('delete', 'open')
  await agent.ask('delete', 'single')
})

test('an ordinary user in a container may open its streams again, and its terminal is its own', async (t) => {
  // Where there is only user 0, there is nobody to try it with.
  if (!/^\s*0\s+0\s+\d{4,}/m.test(readFileSync('/proc/self/uid_map', 'utf8')))
    return t.skip('there is only user 0 here')
  const script = 'echo one > /dev/stdout; echo two > /dev/stderr; stat -c %u /dev/stdout -L'
  for (const tty of [false, true]) {
    const name = tty ? 'user-tty' : 'user'
    const user = { securityContext: { runAsUser: 1234 } }
    await agent.ask('run', name, { command: ['sh', '-c', script], tty, ...user }, { restartPolicy: 'Never' })
    await agent.ask('ended', name)
    // Two pipes have no order.
    const lines = (await agent.ask<string>('logs', name)).split(/\r?\n/).toSorted()
    assert.deepEqual(lines, ['', '1234', 'one', 'two'])
    await agent.ask('delete', name)
  }
})
