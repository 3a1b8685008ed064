import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { Container } from '../../src/api/objects/pod.ts'
import { startedAt } from '../../src/kernel/process.ts'
import { called, ended, leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(async () => node[Symbol.asyncDispose]())

const sh = (name: string, script: string): Container => ({ name, image: 'host', command: ['sh', '-c', script] })
const forever = 'while :; do sleep 1000 & wait; done'
const untilTerm = `trap 'exit 0' TERM; ${forever}`

const nextTurn = <T>(look: () => T): Promise<T> => new Promise((resolve) => setImmediate(() => resolve(look())))

/** The first process of a pod's first container. */
function firstOf(pod: string): number {
  const { containers } = node.pods.list().find(({ name }) => name === pod) ?? assert.fail(`no pod ${pod}`)
  return containers[0]?.pid ?? assert.fail(`nothing runs in ${pod}`)
}

function fieldOf(pid: number, field: string): string {
  const line = new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return line?.[1] ?? assert.fail(`process ${pid} has no ${field}`)
}

test('containers that share their processes see and may signal each other, with pause as the first', async () => {
  const containers = [sh('a', `${untilTerm} # a`), sh('b', untilTerm)]
  await node.run('sharing', {}, { shareProcessNamespace: true, containers })
  await node.ready('sharing')
  // The same process has a number in each of the namespaces that it is in; the pod's is the last.
  const pid = fieldOf(firstOf('sharing'), 'NSpid').split('\t').at(-1) ?? ''
  const { out } = await node.exec(
    'sharing',
    ['sh', '-c', `cat /proc/1/cmdline /proc/${pid}/cmdline | tr '\\0' ' '`],
    'b',
  )
  assert.match(out, /^kubehop pause default\/sharing sh -c .* # a $/)
  // An own signal from one container to the other, which is restarted.
  const { code, err } = await node.exec('sharing', ['kill', pid], 'b')
  assert.equal(code, 0, err)
  await node.until('sharing', 'restarted', (pod) =>
    (pod?.status?.containerStatuses ?? []).some((one) => one.name === 'a' && one.restartCount === 1 && one.ready),
  )
  const [process] = node.pods.list().filter(({ name }) => name === 'sharing')
  await node.delete('sharing', 5)
  await ended([process?.pausePid ?? 0])
})

test('what a container leaves behind is reaped by pause, and ends with its container and not with the others', async () => {
  // Two forks: the orphan belongs to nobody but the first process of the namespace. The container is ready when that is so, and the orphan is what it shall be.
  const leaves = (name: string, seconds: number): Container => ({
    ...sh(name, `trap 'exit 0' TERM; (setsid sleep ${seconds} &) ; ${forever}`),
    readinessProbe: { exec: { command: ['pgrep', '-P', '1', '-fx', `sleep ${seconds}`] }, periodSeconds: 1 },
  })
  await node.run('orphans', {}, { shareProcessNamespace: true, containers: [leaves('a', 4001), leaves('b', 4002)] })
  await node.ready('orphans')
  const [ofA, ofB] = [called('sleep', '4001'), called('sleep', '4002')]
  assert.deepEqual([ofA.length, ofB.length], [1, 1])
  const pause = node.pods.list().find(({ name }) => name === 'orphans')?.pausePid
  for (const pid of [...ofA, ...ofB]) assert.equal(Number(fieldOf(pid, 'PPid')), pause)
  // The first process of `a` alone ends: the kernel leaves the others of the shared namespace alone.
  process.kill(firstOf('orphans'))
  await ended(ofA)
  assert.ok(startedAt(ofB[0] ?? 0), 'the other container keeps its own')
  await node.until('orphans', 'restarted', (pod) => pod?.status?.containerStatuses?.[0]?.restartCount === 1)
  // An orphan that ends by itself does not stay as a zombie.
  await node.exec('orphans', ['sh', '-c', '(setsid true &); setsid true &'], 'b')
  for (const pid of ofB) process.kill(pid)
  await ended(ofB)
  await node.exec('orphans', ['sh', '-c', 'while ps -e -o state= | grep -q Z; do sleep 0.01; done'], 'b')
  await node.delete('orphans', 5)
})

test("hostPID shows the node's processes, and its container ends as a whole all the same", async () => {
  const up = { exec: { command: ['pgrep', '-fx', 'sleep 4003'] }, periodSeconds: 1 }
  const one = { ...sh('a', `trap 'exit 0' TERM; (setsid sleep 4003 &) ; ${forever}`), readinessProbe: up }
  await node.run('watcher', {}, { hostPID: true, containers: [one] })
  await node.ready('watcher')
  const seen = await node.exec('watcher', ['cat', `/proc/${process.pid}/comm`], 'a')
  assert.equal(seen.out, readFileSync('/proc/self/comm', 'utf8'))
  const left = called('sleep', '4003')
  assert.equal(left.length, 1)
  await node.delete('watcher', 5)
  await ended(left)
})

test('a container that goes to the files of the machine (nsenter --mount) is ended alone, not with everybody there', async () => {
  const bystander = spawn('sleep', ['4006'])
  const command = ['nsenter', '--target', String(process.pid), '--mount', 'sleep', '4005']
  for (const name of ['visitor-a', 'visitor-b', 'visitor-c']) {
    await node.run(name, { command, securityContext: { privileged: true } }, { hostPID: true })
    await node.ready(name)
    // It runs at once, and goes there a moment later.
    let [gone = 0] = called('sleep', '4005')
    while (gone === 0) [gone = 0] = await nextTurn(() => called('sleep', '4005'))
    assert.equal(readlinkSync(`/proc/${gone}/ns/mnt`), readlinkSync('/proc/self/ns/mnt'))
    await node.delete(name)
    await ended([gone])
  }
  assert.ok(startedAt(bystander.pid ?? 0), 'a process of the machine was ended')
  bystander.kill()
})

test('hostIPC gives a pod the IPC namespace of the node, and nothing else', async () => {
  await node.run('ipc', {}, { hostIPC: true, containers: [sh('a', untilTerm)] })
  await node.ready('ipc')
  const pid = firstOf('ipc')
  const same = (kind: string): boolean =>
    readlinkSync(`/proc/${pid}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`)
  assert.deepEqual(['ipc', 'net', 'uts', 'pid'].map(same), [true, false, false, false])
  await node.delete('ipc', 5)
})
