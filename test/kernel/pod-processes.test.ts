import assert from 'node:assert/strict'
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
const untilTerm = "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"

test('containers that share their processes see and may signal each other, with pause as the first', async () => {
  const containers = [sh('a', `${untilTerm} # a`), sh('b', untilTerm)]
  await node.run('sharing', {}, { shareProcessNamespace: true, containers })
  await node.ready('sharing')
  const { out } = await node.exec('sharing', ['sh', '-c', "cat /proc/1/cmdline | tr '\\0' ' '; ls /proc"], 'b')
  assert.match(out, /^kubehop pause default\/sharing /)
  const seen = await node.exec(
    'sharing',
    ['sh', '-c', "for p in /proc/[0-9]*; do grep -qs '# a$' $p/cmdline && echo ${p#/proc/}; done"],
    'b',
  )
  const pid = seen.out.trim().split('\n')[0] ?? ''
  // An own signal from one container to the other, which is restarted.
  await node.exec('sharing', ['kill', pid], 'b')
  await node.until('sharing', 'restarted', (pod) =>
    (pod?.status?.containerStatuses ?? []).some((one) => one.name === 'a' && one.restartCount === 1 && one.ready),
  )
  const [process] = node.pods.list().filter(({ name }) => name === 'sharing')
  await node.delete('sharing', 5)
  await ended([process?.pausePid ?? 0])
})

test('what a container leaves behind is reaped by pause, and ends with its container and not with the others', async () => {
  // Two forks: the orphan belongs to nobody but the first process of the namespace.
  const leaves = (seconds: number): string => `(setsid sleep ${seconds} &) ; touch /tmp/up; ${untilTerm}`
  const up = { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1 }
  const containers = [
    { ...sh('a', leaves(4001)), readinessProbe: up },
    { ...sh('b', leaves(4002)), readinessProbe: up },
  ]
  await node.run('orphans', {}, { shareProcessNamespace: true, containers })
  await node.ready('orphans')
  const [ofA, ofB] = [called('sleep', '4001'), called('sleep', '4002')]
  assert.deepEqual([ofA.length, ofB.length], [1, 1])
  const { out } = await node.exec('orphans', ['sh', '-c', 'ps -o ppid= -C sleep | sort -u | head -1'], 'a')
  assert.equal(out.trim(), '1')
  // The first process of `a` alone ends: the kernel leaves the others of the shared namespace alone.
  const first = node.pods.list().find(({ name }) => name === 'orphans')?.containers[0]?.pid ?? 0
  process.kill(first)
  await ended(ofA)
  assert.ok(startedAt(ofB[0] ?? 0), 'the other container keeps its own')
  await node.until('orphans', 'restarted', (pod) => pod?.status?.containerStatuses?.[0]?.restartCount === 1)
  // An orphan that ends by itself does not stay as a zombie.
  await node.exec('orphans', ['sh', '-c', '(setsid true &); setsid true &'], 'b')
  const pid = ofB[0] ?? 0
  process.kill(pid)
  await ended([pid])
  await node.exec('orphans', ['sh', '-c', 'while ps -e -o state= | grep -q Z; do sleep 0.01; done'], 'b')
  await node.delete('orphans', 5)
})

test("hostPID shows the node's processes, and its container ends as a whole all the same", async () => {
  const spec = { hostPID: true, containers: [sh('a', `(setsid sleep 4003 &) ; ${untilTerm}`)] }
  await node.run('watcher', {}, spec)
  await node.ready('watcher')
  const seen = await node.exec('watcher', ['cat', `/proc/${process.pid}/comm`], 'a')
  assert.equal(seen.out, readFileSync('/proc/self/comm', 'utf8'))
  while (called('sleep', '4003').length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const left = called('sleep', '4003')
  await node.delete('watcher', 5)
  await ended(left)
})

test('hostIPC gives a pod the IPC namespace of the node, and nothing else', async () => {
  await node.run('ipc', {}, { hostIPC: true, containers: [sh('a', untilTerm)] })
  await node.ready('ipc')
  const pid = node.pods.list().find(({ name }) => name === 'ipc')?.containers[0]?.pid ?? 0
  const same = (kind: string): boolean =>
    readlinkSync(`/proc/${pid}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`)
  assert.deepEqual(['ipc', 'net', 'uts', 'pid'].map(same), [true, false, false, false])
  await node.delete('ipc', 5)
})
