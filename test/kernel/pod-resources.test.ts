import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Container } from '../../src/api/objects/pod.ts'
import { namespaceOf, processNumbers } from '../../src/pod/namespaces.ts'
import { leaveForOwnNetwork, makeNode, testPlace, type Node } from './pod-world.ts'

/** The least that a PID namespace can be told. */
const most = 301

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode({ podPids: most })
})
after(() => node[Symbol.asyncDispose]())

const { place, missing } = testPlace('none')
const skip = place.cpu && place.memory && place.pids ? false : `no group here: ${Object.values(missing).join('; ')}`
const sh = (script: string, resources = {}): Partial<Container> => ({ command: ['sh', '-c', script], resources })

/** The files of a container's first process that tell its groups: `4:memory:/…`. */
const groupsOf = (name: string): string => {
  const pid = node.pods.list().find((one) => one.name === name)?.containers[0]?.pid
  return readFileSync(`/proc/${pid}/cgroup`, 'utf8')
}

test('a container that takes more memory than its limit is ended, and the pod says why', { skip }, async () => {
  const resources = { limits: { memory: '32Mi' } }
  await node.run('greedy', sh('exec tail /dev/zero', resources), { restartPolicy: 'Never' })
  const pod = await node.until('greedy', 'over', (one) => one?.status?.phase === 'Failed')
  const ended = pod?.status?.containerStatuses?.[0]?.state?.terminated
  assert.deepEqual([ended?.reason, ended?.exitCode], ['OOMKilled', 137])
  await node.delete('greedy')
})

test('an instance that is killed by somebody else was not short of memory', { skip }, async () => {
  const resources = { limits: { memory: '64Mi' } }
  await node.run('killed', sh('kill -9 $$', resources), { restartPolicy: 'Never' })
  const pod = await node.until('killed', 'over', (one) => one?.status?.phase === 'Failed')
  assert.equal(pod?.status?.containerStatuses?.[0]?.state?.terminated?.reason, 'Error')
  await node.delete('killed')
})

test('what is started in a container later is held by its limits, too, and nothing is said about them', {
  skip,
}, async () => {
  await node.run('small', sh('exec sleep 1000', { limits: { memory: '32Mi', cpu: '200m' } }))
  const pod = await node.ready('small')
  const [status] = pod.status?.containerStatuses ?? []
  assert.deepEqual(status?.allocatedResources, { memory: '32Mi', cpu: '200m' })
  assert.deepEqual(status?.resources, {
    limits: { memory: '32Mi', cpu: '200m' },
    requests: { memory: '32Mi', cpu: '200m' },
  })
  assert.ok(!(await node.events('small')).some((event) => event.includes('Unsupported')))
  const groups = groupsOf('small')
  assert.match(groups, /kubehop-pod-/)
  assert.equal((await node.exec('small', ['cat', '/proc/self/cgroup'])).out, groups)
  const { code } = await node.exec('small', ['tail', '/dev/zero'])
  assert.equal(code, 137)
  await node.delete('small')
})

test('a program that forks without end stops at the limit of its pod, and its neighbours go on', async () => {
  const web = { readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }
  await node.run('neighbour', { command: ['sleep', '1000'], ...web })
  await node.ready('neighbour')
  const bomb = '(while :; do sleep 1000 & done) 2> /tmp/said; exec sleep 1000'
  await node.run('bomb', sh(bomb), { terminationGracePeriodSeconds: 0 })
  await node.until('bomb', 'running', (pod) => pod?.status?.phase === 'Running')
  // To look from inside takes a process, too: perhaps one that is not to be had.
  const pid = node.pods.list().find(({ name }) => name === 'bomb')?.containers[0]?.pid
  while (!/fork/i.test(readText(`/proc/${pid}/root/tmp/said`))) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal((await node.exec('neighbour', ['echo', 'still here'])).out, 'still here\n')
  const space = namespaceOf(pid ?? 0, 'pid')
  const count = processNumbers().filter((one) => namespaceOf(one, 'pid') === space).length
  assert.ok(count > most - 20 && count <= most, `${count} processes`)
  await node.delete('bomb')
  await node.delete('neighbour')
})

test('nothing of a pod stays in the control groups', { skip }, async () => {
  const dir = dirname(place.memory?.dir ?? '')
  const left = join(dir, basename(node.dir), 'node1')
  assert.deepEqual(
    existsSync(left)
      ? readdirSync(left, { withFileTypes: true })
          .filter((e) => e.isDirectory())
          .map(({ name }) => name)
      : [],
    [],
  )
})

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // not there yet
  }
}
