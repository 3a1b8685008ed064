import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { Container, Pod } from '../../src/api/objects/pod.ts'
import { summary } from '../../src/api/server/tables/pod.ts'
import { condition, leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

const state = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]?.state
const sleeper = ['sh', '-c', "trap '' TERM; sleep 1000"]
const init = (name: string, command: string[], more: Partial<Container> = {}): Container => ({
  name,
  image: 'host',
  command,
  ...more,
})

/** Until this node has nothing of pods any more: no folder, no cable, no process. One that the API forgot may still be on its way out. */
async function nothingLeft(): Promise<void> {
  const left = (): unknown => ({
    files: readdirSync(join(node.dir, 'pods', 'pods'), { recursive: true }),
    cables: node.network.list(),
    processes: node.pods.list(),
  })
  const nothing = { files: [], cables: [], processes: [] }
  const end = Date.now() + 5000
  while (!isDeepStrictEqual(left(), nothing) && Date.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(left(), nothing)
}

/** The words of the column STATUS that `kubectl get pods` shows one after another, until `last`. */
async function words(name: string, last: string): Promise<string[]> {
  const seen: string[] = []
  await node.until(name, last, (pod) => {
    const word = pod === undefined ? 'gone' : summary(pod).status
    // Before it is there.
    if (pod === undefined && seen.length === 0) return false
    if (seen.at(-1) !== word) seen.push(word)
    return word === last
  })
  return seen
}

test('kubectl get pods shows the words that people know on the way', async () => {
  const seen = words('way', 'Completed')
  await node.run(
    'way',
    { command: ['true'] },
    {
      restartPolicy: 'Never',
      initContainers: [init('one', ['sleep', '0.3']), init('two', ['sleep', '0.3'])],
    },
  )
  const way = await seen
  const known = ['Pending', 'Init:0/2', 'Init:1/2', 'PodInitializing', 'Running', 'Completed']
  assert.deepEqual(
    way,
    known.filter((word) => way.includes(word)),
    'in this order',
  )
  for (const word of ['Init:0/2', 'Init:1/2', 'Completed']) assert.ok(way.includes(word), way.join(' '))
  await node.delete('way')

  const plain = words('plain', 'Running')
  await node.run('plain', { command: sleeper })
  const begun = await plain
  assert.deepEqual(
    begun.filter((word) => !['Pending', 'ContainerCreating', 'Running'].includes(word)),
    [],
  )
  const ending = words('plain', 'gone')
  await node.client.delete('Pod', 'plain', 'default', { gracePeriodSeconds: 1 })
  assert.deepEqual(await ending, ['Running', 'Terminating', 'Error', 'gone'])
})

test('containers that fail show it: at the start, on the way, for good', async () => {
  const rows: [string, string[], Parameters<Node['run']>[2]][] = [
    ['Init:CrashLoopBackOff', ['true'], { initContainers: [init('i', ['false'])] }],
    ['Init:Error', ['true'], { initContainers: [init('i', ['false'])], restartPolicy: 'Never' }],
    ['CrashLoopBackOff', ['false'], {}],
    ['Error', ['false'], { restartPolicy: 'Never' }],
    ['StartError', ['/no/such/program'], { restartPolicy: 'Never' }],
    ['Completed', ['true'], { restartPolicy: 'Never' }],
  ]
  await Promise.all(
    rows.map(async ([word, command, spec], at) => {
      await node.run(`fails-${at}`, { command }, spec)
      await words(`fails-${at}`, word)
    }),
  )
  await Promise.all(rows.map((_, at) => node.delete(`fails-${at}`)))
})

test('a crash loop is told once with a count, and each end is in the status', async () => {
  await node.run('loop', { command: ['sh', '-c', 'exit 7'] })
  const pod = await node.until('loop', 'in its loop', (one) => {
    const status = one?.status?.containerStatuses?.[0]
    return (status?.restartCount ?? 0) >= 4 && status?.state?.waiting?.reason === 'CrashLoopBackOff'
  })
  const [status] = pod?.status?.containerStatuses ?? []
  assert.equal(status?.lastState?.terminated?.exitCode, 7)
  assert.match(
    status?.state?.waiting?.message ?? '',
    /^back-off \d+m?s restarting failed container=c pod=loop_default\([0-9a-f-]{36}\)$/,
  )
  assert.equal(pod?.status?.phase, 'Running')
  const { items } = await node.client.list('Event', { namespace: 'default' })
  const ours = items.filter(({ involvedObject }) => involvedObject.name === 'loop')
  const backoffs = ours.filter(({ reason }) => reason === 'BackOff')
  assert.equal(backoffs.length, 1)
  assert.ok((backoffs[0]?.count ?? 0) > 1)
  const reasons = new Set(ours.map(({ reason, involvedObject }) => `${reason} ${involvedObject.fieldPath ?? ''}`))
  assert.deepEqual([...reasons].toSorted(), [
    'BackOff spec.containers{c}',
    'Created spec.containers{c}',
    'Pulled spec.containers{c}',
    'Started spec.containers{c}',
  ])
  await node.delete('loop')
})

test('a pod that is deleted at any moment of its start leaves nothing', async () => {
  const moments = [0, 2, 5, 10, 20, 30, 50, 80, 120, 200, 300, 450]
  await Promise.all(
    moments.flatMap((ms) =>
      [0, 1].map(async (grace) => {
        const name = `early-${ms}-${grace}`
        const hook = { exec: { command: ['sleep', '1000'] } }
        const last = { command: ['sleep', '1000'], lifecycle: { postStart: hook, preStop: hook } }
        await node.run(name, last, { initContainers: [init('one', ['sleep', '0.1']), init('two', ['sleep', '0.1'])] })
        await new Promise((resolve) => setTimeout(resolve, ms))
        await node.delete(name, grace)
      }),
    ),
  )
  await nothingLeft()
})

test('deleting by force forgets a pod at once and ends it at once, also one that takes its time', async () => {
  const grace = { terminationGracePeriodSeconds: 600 }
  for (const [name, graceful] of [
    ['forced', false],
    ['forced-later', true],
  ] as const) {
    await node.run(name, { command: sleeper, lifecycle: { preStop: { sleep: { seconds: 300 } } } }, grace)
    const { metadata } = await node.ready(name)
    if (graceful) {
      await node.client.delete('Pod', name, 'default')
      await node.until(name, 'ending', (pod) => pod?.metadata.deletionTimestamp !== undefined)
    }
    const begun = performance.now()
    await node.client.delete('Pod', name, 'default', { gracePeriodSeconds: 0 })
    assert.equal(await node.client.get('Pod', name, 'default'), undefined)
    while (existsSync(join(node.dir, 'pods', 'pods', metadata.uid ?? '')))
      await new Promise((resolve) => setTimeout(resolve, 5))
    assert.ok(performance.now() - begun < 10_000)
  }
  await nothingLeft()
})

test('the deadline of a pod ends its init containers too, with the grace that its containers have', async () => {
  await node.run(
    'late',
    { command: ['true'] },
    {
      activeDeadlineSeconds: 1,
      terminationGracePeriodSeconds: 20,
      initContainers: [init('one', ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done'])],
    },
  )
  const begun = performance.now()
  const pod = await node.until(
    'late',
    'ended',
    (one) => one?.status?.initContainerStatuses?.[0]?.state?.terminated !== undefined,
  )
  assert.ok(performance.now() - begun < 10_000)
  assert.deepEqual([pod?.status?.phase, pod?.status?.reason], ['Failed', 'DeadlineExceeded'])
  assert.equal(state(pod)?.running, undefined)
  assert.equal(condition(pod, 'Ready'), 'False')
  assert.ok(
    (await node.events('late')).includes(
      'Normal DeadlineExceeded: Pod was active on the node longer than the specified deadline',
    ),
  )
  await node.delete('late')
})
