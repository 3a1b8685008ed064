import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { EphemeralContainer, Pod } from '../../src/api/objects/pod.ts'
import { leftOutMessage } from '../../src/pod/unsupported.ts'
import { leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

const add = (name: string, one: Partial<EphemeralContainer>): Promise<Pod> =>
  node.client.patch(
    'Pod',
    name,
    'default',
    { spec: { ephemeralContainers: [{ name: 'debug', image: 'host', ...one }] } },
    'ephemeralcontainers',
  )
const stateOf = (pod: Pod | undefined) => pod?.status?.ephemeralContainerStatuses?.[0]?.state

test('a container that comes later is in the pod, sees the processes of its target, and is never restarted', async () => {
  await node.run('web', { command: ['sh', '-c', 'exec sleep 4711'] })
  await node.ready('web')
  const was = (await node.exec('web', ['cat', '/proc/net/dev'])).out.match(/eth\S+/)?.[0]
  await add('web', {
    command: ['sh', '-c', 'tr "\\0" " " < /proc/1/cmdline; hostname; grep -o "eth[^:]*" /proc/net/dev; exit 3'],
    targetContainerName: 'c',
  })
  const pod = await node.until('web', 'debugged', (one) => stateOf(one)?.terminated !== undefined)
  assert.equal(await node.logs('web', 'debug'), `sleep 4711 web\n${was?.replace(':', '')}\n`)
  assert.equal(stateOf(pod)?.terminated?.exitCode, 3)
  const { restartCount, ready } = pod?.status?.ephemeralContainerStatuses?.[0] ?? {}
  assert.deepEqual([restartCount, ready], [0, false])
  assert.equal(pod?.status?.phase, 'Running')
  assert.equal(pod?.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True')
  assert.ok((await node.events('web')).includes('Normal Started: Started container debug'))
  await node.delete('web')
})

test('without a target it has its own processes; it can be attached and entered, and ends with the pod', async () => {
  await node.run('plain', { command: ['sleep', '1000'] })
  await node.ready('plain')
  await add('plain', { command: ['sh'], stdin: true, tty: true })
  await node.until('plain', 'debugged', (one) => stateOf(one)?.running !== undefined)
  const client = node.pods.attach('default', 'plain', 'debug', { stdin: true })
  let text = ''
  client.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const shown = new Promise<void>((resolve) => {
    client.stdout.on('data', () => text.includes('number 1\r\n') && resolve())
  })
  client.stdin?.write('echo number $$\n')
  await shown
  assert.equal((await node.exec('plain', ['sh', '-c', 'echo $$ > /tmp/x; cat /tmp/x'], 'debug')).code, 0)
  await node.delete('plain')
  assert.equal(await client.exit, 0)
})

test('it may come to a pod whose init containers never end', async () => {
  const init = [{ name: 'init', image: 'host', command: ['sleep', '1000'] }]
  await node.run('stuck', { command: ['true'] }, { initContainers: init })
  await node.until('stuck', 'started', (one) => one?.status?.initContainerStatuses?.[0]?.state?.running !== undefined)
  await add('stuck', { command: ['sh', '-c', 'tr "\\0" " " < /proc/1/cmdline'], targetContainerName: 'init' })
  await node.until('stuck', 'debugged', (one) => stateOf(one)?.terminated !== undefined)
  assert.equal(await node.logs('stuck', 'debug'), 'sleep 1000 \n')
  await node.delete('stuck')
})

test('what it asks for and does not get is told when it comes, in an event and in the condition', async () => {
  await node.run('seen', { command: ['sleep', '1000'] }, { priorityClassName: 'high' } as object)
  await node.ready('seen')
  const told = async (): Promise<string[]> =>
    (await node.events('seen')).filter((event) => event.startsWith('Warning Unsupported: '))
  const [first] = await told()
  assert.equal(first, `Warning Unsupported: ${leftOutMessage(['priorityClassName high'])}`)
  await add('seen', { command: ['true'], securityContext: { seccompProfile: { type: 'RuntimeDefault' } } })
  const late = 'securityContext.seccompProfile of container debug'
  const pod = await node.until('seen', 'debugged', (one) => stateOf(one)?.terminated !== undefined)
  assert.equal(
    pod?.status?.conditions?.find(({ type }) => type === 'kubehop.dev/Unsupported')?.message,
    leftOutMessage(['priorityClassName high', late]),
  )
  // Once, and only what is new.
  assert.deepEqual(await told(), [first, `Warning Unsupported: ${leftOutMessage([late])}`])
  await node.delete('seen')
})

test('what cannot be is refused in words', async () => {
  await node.run('strict', { command: ['sleep', '1000'] })
  await node.ready('strict')
  const refused = (one: Partial<EphemeralContainer>, message: RegExp): Promise<void> =>
    assert.rejects(add('strict', one), { message })
  await refused({ targetContainerName: 'nobody' }, /ephemeralContainers\[0\]\.targetContainerName: Not found: "nobody"/)
  await refused({ ports: [{ containerPort: 80 }] }, /ports: Forbidden: cannot be set for an Ephemeral Container/)
  await refused({ livenessProbe: { exec: { command: ['true'] } } }, /livenessProbe: Forbidden/)
  await refused({ name: 'c' }, /ephemeralContainers\[0\]\.name: Duplicate value: "c"/)
  await refused({ image: '' }, /image: Required value/)
  await add('strict', { command: ['true'] })
  await refused({ command: ['false'] }, /existing ephemeral containers "debug" may not be changed/)
  await refused({ name: 'other' }, /existing ephemeral containers "debug" may not be removed/)
  await assert.rejects(
    node.client.create('Pod', {
      metadata: { name: 'born', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'host' }], ephemeralContainers: [{ name: 'e', image: 'host' }] },
    }),
    { message: /spec\.ephemeralContainers: Forbidden: cannot be set on create/ },
  )
  await assert.rejects(node.client.patch('Pod', 'strict', 'default', { spec: { ephemeralContainers: null } }), {
    message: /pod updates may not change fields other than/,
  })
  await node.delete('strict')
})
