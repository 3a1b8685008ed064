import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Container, Pod } from '../../src/api/objects/pod.ts'
import { called, leaveForOwnNetwork, makeNode, testPlace, type Node } from './pod-world.ts'

// Limits that make no sense, and control groups that an agent left half made or half removed.

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode({ podPids: 301 })
})
after(() => node[Symbol.asyncDispose]())

const { place, missing } = testPlace('none')
const skip = place.cpu && place.memory && place.pids ? false : `no group here: ${Object.values(missing).join('; ')}`
const dirs = [place.cpu, place.memory, place.pids].flatMap((one) => (one ? [dirname(one.dir)] : []))
/** A group of the node, in each hierarchy. */
const groupDirs = (of: Node, ...path: string[]): string[] =>
  dirs.map((dir) => join(dir, basename(of.dir), 'node1', ...path))
const state = (pod: Pod | undefined): NonNullable<NonNullable<Pod['status']>['containerStatuses']>[0]['state'] =>
  pod?.status?.containerStatuses?.[0]?.state
const sleeps = (resources: Container['resources']): Partial<Container> => ({
  command: ['sleep', '1000'],
  ...(resources && { resources }),
})

test('amounts that are none, and requests above limits, never come to the node', async () => {
  const cases: [Container['resources'], RegExp][] = [
    [{ limits: { memory: '-64Mi' } }, /limits\[memory\]: Invalid value: "-64Mi": must be greater than or equal to 0,/],
    [{ requests: { cpu: '-1' } }, /requests\[cpu\]: Invalid value: "-1": must be greater than or equal to 0$/],
    [{ limits: { cpu: '1' }, requests: { cpu: '2' } }, /"2": must be less than or equal to cpu limit of 1$/],
  ]
  for (const [resources, message] of cases)
    await assert.rejects(node.run('refused', sleeps(resources)), { code: 422, message })
})

test('limits of 0 are none; the smallest and the largest are taken', { skip }, async () => {
  await node.run('none', sleeps({ limits: { memory: 0, cpu: '0' } }))
  await node.run('much', sleeps({ limits: { memory: '999999Ei', cpu: '1E' }, requests: { cpu: '1n', memory: '1' } }))
  for (const name of ['none', 'much']) {
    await node.ready(name)
    await node.delete(name)
  }
})

test('with less memory than a program needs to start, the pod says why it ended', { skip }, async () => {
  for (const memory of ['1', '16Ki']) {
    await node.run('tight', sleeps({ limits: { memory } }), { restartPolicy: 'Never' })
    const pod = await node.until('tight', 'over', (one) => one?.status?.phase === 'Failed')
    const { reason, exitCode, message } = state(pod)?.terminated ?? {}
    assert.deepEqual([reason, exitCode, message], ['OOMKilled', 137, undefined])
    await node.delete('tight')
  }
})

test('groups that an agent had only begun to make or to remove go with the next one', { skip }, async () => {
  await node.run('stays', { command: ['sleep', '1000'] })
  const { metadata } = await node.ready('stays')
  await node.pods.close()
  // One of a pod that nothing was written down of, in one hierarchy only, with a process in it.
  const unknown = groupDirs(node, 'a-pod-of-nobody', 'c')
  mkdirSync(unknown[1] ?? '', { recursive: true })
  const child = spawn('sleep', ['4020'])
  writeFileSync(join(unknown[1] ?? '', 'cgroup.procs'), String(child.pid))
  const gone = once(child, 'exit')
  // And one of a container that is to be started again, removed from one hierarchy.
  const known = groupDirs(node, metadata.uid ?? '', 'later')
  for (const dir of known.slice(1)) mkdirSync(dir)
  node.start()
  await node.pods.synced
  await gone
  for (const dir of unknown) assert.ok(!existsSync(dirname(dir)), dir)
  assert.equal((await node.exec('stays', ['echo', 'here'])).out, 'here\n')
  await node.delete('stays')
  for (const dir of known) assert.ok(!existsSync(dirname(dir)), dir)
})

test('of a running container whose group lacks a hierarchy the end is seen all the same', { skip }, async () => {
  await node.run('torn', { command: ['sleep', '4021'] }, { restartPolicy: 'Never' })
  const { metadata } = await node.ready('torn')
  await node.pods.close()
  const [cpu = ''] = groupDirs(node, metadata.uid ?? '', 'c')
  // Its processes leave for the group above, as if they had never entered.
  for (const pid of called('sleep', '4021')) {
    writeFileSync(join(dirname(cpu), 'cgroup.procs'), String(pid))
    rmdirSync(cpu)
    node.start()
    await node.pods.synced
    process.kill(pid, 'SIGKILL')
  }
  await node.until('torn', 'over', (one) => one?.status?.phase === 'Failed')
  await node.delete('torn')
  assert.ok(!existsSync(dirname(cpu)))
})

test('a node that goes while its containers are busy leaves no group and no process', async () => {
  const other = await makeNode({ podPids: 301, nodeName: 'node1' })
  await other.run('bomb', {
    command: ['sh', '-c', '(while :; do sleep 4022 & done) 2> /dev/null; exec sleep 4022'],
  })
  await other.run('noisy', { command: ['yes'] })
  await other.run(
    'shared',
    {},
    {
      shareProcessNamespace: true,
      containers: [{ name: 'c', image: 'host', command: ['sh', '-c', 'while :; do sleep 4022 & sleep 0.01; done'] }],
    },
  )
  for (const name of ['bomb', 'noisy', 'shared']) await other.ready(name)
  while (called('sleep', '4022').length < 20) await new Promise(setImmediate)
  const execution = await other.pods.exec('default', 'noisy', 'c', { command: ['sleep', '4022'] })
  for (const stream of [execution.stdout, execution.stderr]) stream?.resume()
  const whole = groupDirs(other)
  await other[Symbol.asyncDispose]()
  await execution.exit
  assert.deepEqual(called('sleep', '4022'), [])
  for (const dir of whole) assert.ok(!existsSync(dir), dir)
  for (const dir of dirs) assert.ok(!readdirSync(dir).includes(basename(other.dir)), dir)
})
