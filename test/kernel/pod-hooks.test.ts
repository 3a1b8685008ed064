import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Container, Pod } from '../../src/api/objects/pod.ts'
import { condition, leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

const shared = { volumeMounts: [{ name: 'v', mountPath: '/v' }] }
const volumes = [{ name: 'v', emptyDir: {} }]
const shell = (script: string): { exec: { command: string[] } } => ({ exec: { command: ['sh', '-c', script] } })
/** Ends when it is asked to. The kernel keeps a signal that it has no handler for from the first process of a PID namespace: see {@link obeys}. */
const obedient = ['sh', '-c', 'trap "exit 0" TERM; touch /tmp/up; while :; do sleep 0.05; done']
async function obeys(pod: string, container = 'c'): Promise<void> {
  const isUp = (): Promise<{ code: number }> => node.exec(pod, ['test', '-e', '/tmp/up'], container)
  while ((await isUp().catch(() => ({ code: 1 }))).code !== 0) await new Promise((resolve) => setTimeout(resolve, 10))
}
const state = (pod: Pod | undefined, at = 0) => pod?.status?.containerStatuses?.[at]?.state
const settled = (pod: Pod | undefined): boolean => state(pod)?.running !== undefined

test('until its postStart hook is done a container does not run for anybody, and those behind it wait', async () => {
  const second: Container = {
    name: 'second',
    image: 'host',
    command: ['sh', '-c', 'cat /v/first; sleep 1000'],
    ...shared,
  }
  await node.run(
    'hooked',
    {},
    {
      volumes,
      containers: [
        {
          name: 'c',
          image: 'host',
          command: obedient,
          ...shared,
          lifecycle: {
            postStart: shell('touch /v/begun; while ! test -e /v/go; do sleep 0.02; done; echo done > /v/first'),
          },
          readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
        },
        second,
      ],
    },
  )
  while (!(await node.events('hooked')).some((event) => event.startsWith('Normal Started')))
    await new Promise((resolve) => setTimeout(resolve, 10))
  while ((await node.exec('hooked', ['test', '-e', '/v/begun']).catch(() => ({ code: 1 }))).code !== 0)
    await new Promise((resolve) => setTimeout(resolve, 10))
  const before = await node.until('hooked', 'told', (pod) => state(pod, 1)?.waiting !== undefined)
  assert.deepEqual(
    [before?.status?.phase, state(before)?.waiting?.reason, state(before, 1)?.waiting?.reason],
    ['Pending', 'ContainerCreating', 'ContainerCreating'],
  )
  assert.deepEqual(
    (await node.events('hooked')).filter((event) => event.includes('second')),
    [],
  )
  await node.exec('hooked', ['touch', '/v/go'])
  await node.ready('hooked')
  const [line] = await node.pods.logs('default', 'hooked', 'second', { follow: true }).take(1).toArray()
  assert.equal(String(line), 'done\n')
  await node.delete('hooked')
})

test('a postStart hook that fails ends its container as it likes to be ended, which is then started again', async () => {
  await node.run(
    'failing',
    {
      command: [
        'sh',
        '-c',
        'trap "echo ended > /dev/termination-log; exit 3" TERM; touch /tmp/up; while :; do sleep 0.05; done',
      ],
      lifecycle: { postStart: shell('while ! test -e /tmp/up; do sleep 0.02; done; echo the secret >&2; exit 1') },
    },
    { terminationGracePeriodSeconds: 20 },
  )
  let wasReady = false
  const pod = await node.until('failing', 'started again', (one) => {
    wasReady ||= condition(one, 'Ready') === 'True'
    return (one?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0
  })
  const last = pod?.status?.containerStatuses?.[0]?.lastState?.terminated
  assert.deepEqual([last?.exitCode, last?.message, wasReady], [3, 'ended\n', false])
  const events = await node.events('failing')
  const told =
    /^Warning FailedPostStartHook: PostStartHook failed: it exited with 1; what it printed is in the log of the agent of \S+$/
  assert.ok(
    events.some((event) => told.test(event)),
    events.join('\n'),
  )
  assert.ok(events.includes('Normal Killing: FailedPostStartHook'))
  assert.ok(!events.some((event) => event.includes('secret')))
  await node.delete('failing')
})

test('a pod is deleted while its postStart hook hangs', async () => {
  await node.run('hanging', { command: obedient, lifecycle: { postStart: { exec: { command: ['sleep', '1000'] } } } })
  await node.run('listening', {
    command: ['node', '-e', "require('net').createServer(() => console.log('asked')).listen(8080)"],
    lifecycle: { postStart: { httpGet: { port: 8080 } } },
  })
  await obeys('hanging')
  const begun = performance.now()
  // Node as the first process has no ear for the signal.
  await Promise.all([node.delete('hanging', 30), node.delete('listening', 2)])
  assert.ok(performance.now() - begun < 15_000, 'the grace is not waited for')
})

test('an http hook tells whoever listens, with every answer, and is not asked for by name', async () => {
  const script = `require('http').createServer((q, s) => {
    console.log(q.method, q.url, q.headers['user-agent'], q.headers['x-why'])
    s.statusCode = 500
    s.end()
    if (q.url === '/bye') setTimeout(() => process.exit(0), 50)
  }).listen(8080)`
  await node.run(
    'told',
    {
      command: ['node', '-e', script],
      startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 30 },
      lifecycle: { preStop: { httpGet: { path: '/bye', port: 8080, httpHeaders: [{ name: 'X-Why', value: 'end' }] } } },
    },
    { terminationGracePeriodSeconds: 20 },
  )
  await node.ready('told')
  const printed = node.logs('told', 'c', { follow: true })
  await node.delete('told', 20)
  assert.equal(await printed, 'GET /bye kube-lifecycle/1.35 end\n')
  assert.ok(!(await node.events('told')).some((event) => event.includes('Hook')))
})

test('a preStop hook that cannot be run is told, and the container is ended all the same', async () => {
  await node.run('nohook', { command: obedient, lifecycle: { preStop: { exec: { command: ['/no/such/hook'] } } } })
  await obeys('nohook')
  const begun = performance.now()
  await node.delete('nohook', 20)
  assert.ok(performance.now() - begun < 10_000)
  const events = await node.events('nohook')
  const told = /^Warning FailedPreStopHook: PreStopHook failed: .*exec "\/no\/such\/hook": no such file or directory$/
  assert.ok(
    events.some((event) => told.test(event)),
    events.join('\n'),
  )
})

test('a pause before the end is counted in the grace, and not kept for a container that ends by itself', async () => {
  await node.run(
    'early',
    {
      command: ['sh', '-c', 'while ! test -e /v/end; do sleep 0.02; done'],
      ...shared,
      lifecycle: { preStop: { sleep: { seconds: 25 } } },
    },
    {
      volumes,
      terminationGracePeriodSeconds: 30,
      initContainers: [{ name: 'side', image: 'host', restartPolicy: 'Always', command: obedient, ...shared }],
    },
  )
  await node.until('early', 'running', settled)
  await obeys('early', 'side')
  const begun = performance.now()
  const gone = node.delete('early', 30)
  await node.until('early', 'ending', (pod) => pod?.metadata.deletionTimestamp !== undefined)
  await node.exec('early', ['touch', '/v/end'], 'side')
  await gone
  assert.ok(performance.now() - begun < 10_000, 'the sidecar does not wait for the pause of a container that has ended')
})

test('a container that ignores its signal is killed when the grace is over, of which its hook was a part', async () => {
  const [grace, hook] = [5, 3]
  await node.run(
    'deaf',
    {
      command: ['sh', '-c', 'trap "" TERM; touch /tmp/up; while :; do sleep 0.1; done'],
      readinessProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1 },
      lifecycle: { preStop: { sleep: { seconds: hook } } },
    },
    { terminationGracePeriodSeconds: grace },
  )
  await node.ready('deaf')
  const begun = performance.now()
  await node.delete('deaf', grace)
  const seconds = (performance.now() - begun) / 1000
  assert.ok(seconds > grace - 0.5 && seconds < grace + hook - 0.5, `it took ${seconds} s`)
})
