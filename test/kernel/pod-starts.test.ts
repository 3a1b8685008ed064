// What is not started, and what is started first or again.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Container, Pod, PodSpec } from '../../src/api/objects/pod.ts'
import { condition, leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

const waiting = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]?.state?.waiting

test('a program that is not there is a start error that names it, with events and a restart', async () => {
  await node.run('nothing', { command: ['no-such-program'] })
  const pod = await node.until('nothing', 'crash looping', (one) => waiting(one)?.reason === 'CrashLoopBackOff')
  const { lastState } = pod?.status?.containerStatuses?.[0] ?? {}
  assert.equal(lastState?.terminated?.exitCode, 128)
  assert.equal(lastState?.terminated?.reason, 'StartError')
  assert.match(
    lastState?.terminated?.message ?? '',
    /failed to start container "c": .*exec "no-such-program": executable file not found in \$PATH/,
  )
  await node.event('nothing', (event) => event.startsWith('Warning Failed: Error: failed to start container "c"'))
  await node.delete('nothing')
  await node.run('nowhere', { command: ['sleep', '1'], workingDir: '/no/such/place' })
  const lost = await node.until('nowhere', 'crash looping', (one) => waiting(one)?.reason === 'CrashLoopBackOff')
  assert.match(
    lost?.status?.containerStatuses?.[0]?.lastState?.terminated?.message ?? '',
    /enter the working directory: \/no\/such\/place: no such directory; set workingDir/,
  )
  await node.delete('nowhere')
})

test('an image that is not there, a missing command and a missing ConfigMap say what to do', async () => {
  await node.run('nginx', { image: 'nginx:1.27' })
  const pod = await node.until('nginx', 'waiting', (one) => waiting(one)?.reason === 'ErrImagePull')
  assert.match(waiting(pod)?.message ?? '', /`kubehop image load FILE` .* or use "image: host" and a command/)
  await node.until('nginx', 'backing off', (one) => waiting(one)?.reason === 'ImagePullBackOff')
  await node.event('nginx', (event) => event.startsWith('Warning Failed: Failed to pull image "nginx:1.27"'))
  await node.client
    .patch('Pod', 'nginx', 'default', { spec: { containers: [{ name: 'c', image: 'host', command: ['sleep', '1'] }] } })
    .catch(() => undefined)
  await node.delete('nginx')

  await node.run('empty', {})
  const empty = await node.until('empty', 'refused', (one) => waiting(one)?.reason === 'CreateContainerConfigError')
  assert.match(waiting(empty)?.message ?? '', /no command is given.*set command/)
  await node.delete('empty')

  await node.run('unset', {
    command: ['sleep', '1000'],
    env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'later', key: 'a' } } }],
  })
  await node.until('unset', 'refused', (one) => waiting(one)?.message?.includes('later') === true)
  await node.client.create('ConfigMap', { metadata: { name: 'later', namespace: 'default' }, data: { a: '1' } })
  await node.ready('unset')
  await node.delete('unset')
})

test('init containers run in order before the others, and a failing one holds them back', async () => {
  const init = (name: string, script: string) => ({
    name,
    image: 'host',
    command: ['sh', '-c', script],
    volumeMounts: [{ name: 'v', mountPath: '/v' }],
  })
  const out = await node.sh(
    'inits',
    'cat /v/log',
    { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    {
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [init('one', 'echo one >> /v/log'), init('two', 'sleep 0.1; echo two >> /v/log')],
    },
  )
  assert.equal(out, 'one\ntwo\n')
  await node.delete('inits')
  await node.run(
    'held',
    { command: ['true'] },
    { restartPolicy: 'Never', initContainers: [{ name: 'one', image: 'host', command: ['false'] }] },
  )
  const pod = await node.until('held', 'failed', (one) => one?.status?.phase === 'Failed')
  assert.equal(condition(pod, 'Initialized'), 'False')
  assert.equal(pod?.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 1)
  assert.deepEqual(pod?.status?.containerStatuses?.[0]?.state, { waiting: { reason: 'PodInitializing' } })
  await node.delete('held')
})

test('restartPolicy decides: OnFailure goes on until success, Never leaves a failure, and the message is told', async () => {
  const script = 'n=$(cat /v/n 2>/dev/null || echo 0); echo $((n+1)) > /v/n; test $n -ge 2'
  await node.run(
    'retry',
    { command: ['sh', '-c', script], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    { restartPolicy: 'OnFailure', volumes: [{ name: 'v', emptyDir: {} }] },
  )
  const pod = await node.until('retry', 'done', (one) => one?.status?.phase === 'Succeeded')
  assert.equal(pod?.status?.containerStatuses?.[0]?.restartCount, 2)
  await node.delete('retry')
  await node.sh('never', 'echo the disk is full > /dev/termination-log;  exit 4')
  const failed = await node.client.get('Pod', 'never', 'default')
  assert.equal(failed?.status?.phase, 'Failed')
  assert.equal(failed?.status?.containerStatuses?.[0]?.state?.terminated?.message, 'the disk is full\n')
  assert.equal(
    node.pods.list().some(({ name }) => name === 'never'),
    false,
    'a pod that is over has no sandbox',
  )
  await node.delete('never')
})

test('a container whose image changes is started again with it', async () => {
  const command = ['sh', '-c', 'trap "exit 0" TERM; touch /tmp/up; while :; do sleep 0.02; done']
  await node.run('swap', { command, readinessProbe: { exec: { command: ['test', '-e', '/tmp/up'] } } })
  const pod = structuredClone(await node.ready('swap'))
  for (const container of pod.spec.containers) container.image = 'nginx'
  await node.client.update('Pod', pod)
  const changed = await node.until('swap', 'refused', (one) => waiting(one)?.reason === 'ErrImagePull')
  assert.equal(changed?.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 0)
  await node.event('swap', (event) => event === 'Normal Killing: Container c definition changed, will be restarted')
  const { items } = await node.client.list('Event', { namespace: 'default' })
  const killings = items.filter((event) => event.involvedObject.name === 'swap' && event.reason === 'Killing')
  assert.deepEqual(
    killings.map(({ count }) => count ?? 1),
    [1],
  )
  await node.delete('swap')
})

test('a pod past its deadline is ended and says so', async () => {
  await node.run('deadline', { command: ['sleep', '1000'] }, { activeDeadlineSeconds: 1 })
  const pod = await node.until('deadline', 'failed', (one) => one?.status?.phase === 'Failed')
  assert.equal(pod?.status?.reason, 'DeadlineExceeded')
  await node.delete('deadline')
})

test('what a pod asks for and does not get is said, and stays in a condition', async () => {
  const resources = { limits: { 'ephemeral-storage': '1Gi' } }
  await node.run('wishes', { command: ['sleep', '1000'], resources }, { hostnameOverride: 'x' } as object)
  const pod = await node.ready('wishes')
  const say =
    'not supported here and left out: hostnameOverride, resources.limits.ephemeral-storage (nothing counts it here) of container c. That has no effect: remove it from the manifest, unless another cluster needs it there'
  await node.event('wishes', (event) => event === `Warning Unsupported: ${say}`)
  const condition = pod.status?.conditions?.find(({ type }) => type === 'kubehop.dev/Unsupported')
  assert.equal(condition?.message, say)
  await node.delete('wishes')
})

test("a container's own rules start it again in a pod that is never restarted", async () => {
  const script = 'n=$(cat /v/n || echo 0); echo $((n+1)) > /v/n; test $n -lt 2 && exit 42; echo done after $n; exit 7'
  const command = ['sh', '-c', script]
  const restartPolicyRules: NonNullable<Container['restartPolicyRules']> = [
    { action: 'Restart', exitCodes: { operator: 'In', values: [42] } },
  ]
  const spec: Partial<PodSpec> = { restartPolicy: 'Never', volumes: [{ name: 'v', emptyDir: {} }] }
  const volumeMounts = [{ name: 'v', mountPath: '/v' }]
  await node.run('ruled', { command, volumeMounts, restartPolicy: 'Never', restartPolicyRules }, spec)
  assert.equal(await node.output('ruled'), 'done after 2\n')
  const status = (await node.client.get('Pod', 'ruled', 'default'))?.status
  assert.deepEqual([status?.phase, status?.containerStatuses?.[0]?.restartCount], ['Failed', 2])
  await node.delete('ruled')
})

test('a sidecar that crashes before it has started holds back what is behind it until it has', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }]
  const script = 'test -e /v/tried || { touch /v/tried; exit 1; }; sleep 0.3; touch /v/up; exec sleep 1000'
  const startupProbe = { exec: { command: ['test', '-e', '/v/up'] }, periodSeconds: 1, failureThreshold: 20 }
  const side = { name: 'side', image: 'host', command: ['sh', '-c', script], volumeMounts }
  const initContainers: Container[] = [{ ...side, restartPolicy: 'Always', startupProbe }]
  const out = await node.sh(
    'slow',
    'ls /v',
    { volumeMounts },
    { volumes: [{ name: 'v', emptyDir: {} }], initContainers },
  )
  assert.equal(out, 'tried\nup\n')
  const status = (await node.client.get('Pod', 'slow', 'default'))?.status
  assert.equal(status?.initContainerStatuses?.[0]?.restartCount, 1)
  await node.delete('slow')
})

test('in a new sandbox the containers wait for their sidecars again', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }]
  const startupProbe = { exec: { command: ['test', '-e', '/v/up'] }, periodSeconds: 1, failureThreshold: 20 }
  const command = ['sh', '-c', 'sleep 0.3; touch /v/up; exec sleep 1000']
  const side: Container = { name: 'side', image: 'host', restartPolicy: 'Always', command, volumeMounts, startupProbe }
  const script = 'ls /v > /tmp/seen; rm /v/up; touch /tmp/read; exec sleep 1000'
  const readinessProbe = { exec: { command: ['test', '-e', '/tmp/read'] } }
  const spec = { volumes: [{ name: 'v', emptyDir: {} }], initContainers: [side] }
  await node.run('anew', { command: ['sh', '-c', script], volumeMounts, readinessProbe }, spec)
  await node.ready('anew')
  const pause = node.pods.list().find(({ name }) => name === 'anew')?.pausePid
  assert.ok(pause)
  process.kill(pause, 'SIGKILL')
  await node.until(
    'anew',
    'up again',
    (pod) => condition(pod, 'Ready') === 'True' && pod?.status?.containerStatuses?.[0]?.restartCount === 1,
  )
  assert.equal((await node.exec('anew', ['cat', '/tmp/seen'])).out, 'up\n')
  await node.delete('anew')
})

test('a sidecar starts before the containers and ends with them', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }]
  const command = ['sh', '-c', 'echo side > /v/up; exec sleep 1000']
  const out = await node.sh(
    'sidecar',
    'while ! test -e /v/up; do sleep 0.01; done; cat /v/up',
    { volumeMounts },
    {
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [{ name: 'side', image: 'host', restartPolicy: 'Always', command, volumeMounts }],
    },
  )
  assert.equal(out, 'side\n')
  const pod = await node.until('sidecar', 'over', (one) => one?.status?.phase === 'Succeeded')
  assert.equal(pod?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 0)
  await node.delete('sidecar')
})
