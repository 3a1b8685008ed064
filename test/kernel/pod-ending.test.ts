import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { Container, PodSpec } from '../../src/api/objects/pod.ts'
import { leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

type Lifecycle = NonNullable<Container['lifecycle']>

let node: Node
const notes = mkdtempSync(join(tmpdir(), 'kubehop-ending-'))
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(async () => {
  await node[Symbol.asyncDispose]()
  rmSync(notes, { recursive: true })
})

/** A container that notes when it is asked to end, in a file of the pod that lies outside; `ready` once it would notice. */
function noting(name: string, lifecycle?: Lifecycle): Container {
  const script = `trap 'echo ${name} >> /notes/$POD; exit 0' TERM; touch /tmp/ready; while :; do sleep 1000 & wait; done`
  return {
    name,
    image: 'host',
    command: ['sh', '-c', script],
    env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    volumeMounts: [{ name: 'notes', mountPath: '/notes' }],
    startupProbe: { exec: { command: ['test', '-e', '/tmp/ready'] }, periodSeconds: 1 },
    ...(lifecycle && { lifecycle }),
  }
}

async function runNoting(pod: string, containers: Container[], more: Partial<PodSpec> = {}): Promise<void> {
  writeFileSync(join(notes, pod), '', { mode: 0o666 })
  await node.run(
    pod,
    {},
    {
      terminationGracePeriodSeconds: 10,
      volumes: [{ name: 'notes', hostPath: { path: notes } }],
      containers,
      ...more,
    },
  )
  await node.ready(pod)
}

const noted = (pod: string): string[] => readFileSync(join(notes, pod), 'utf8').split('\n').slice(0, -1)

const echo = (word: string): Lifecycle => ({
  preStop: { exec: { command: ['sh', '-c', `echo ${word} >> /notes/$POD`] } },
})

// Each waits for a grace of its own.
suite('the end of a pod', { concurrency: true }, () => {
  test('sidecars are asked to end when all other containers have, the last one first', async () => {
    const sidecar = (name: string, lifecycle?: Lifecycle): Container => ({
      ...noting(name, lifecycle),
      restartPolicy: 'Always',
    })
    const hookOfSidecar = echo('hook')
    await runNoting('order', [noting('one', { preStop: { sleep: { seconds: 1 } } })], {
      initContainers: [sidecar('first', hookOfSidecar), sidecar('second')],
    })
    await node.delete('order', 10)
    // The sidecar's hook does not wait for its turn.
    assert.deepEqual(noted('order'), ['hook', 'one', 'second', 'first'])
  })

  test('a container whose hook takes all of the grace can still end by itself', async () => {
    await runNoting('hooked', [noting('c', { preStop: { sleep: { seconds: 60 } } })])
    await node.delete('hooked', 2)
    assert.deepEqual(noted('hooked'), ['c'])
  })

  test('a sidecar does not outlive the grace because another container ignores its signal', async () => {
    const deaf: Container = { name: 'deaf', image: 'host', command: ['sh', '-c', "trap '' TERM; sleep 1000"] }
    await runNoting('deaf', [deaf], { initContainers: [{ ...noting('sidecar'), restartPolicy: 'Always' }] })
    const begun = Date.now()
    await node.delete('deaf', 2)
    assert.deepEqual(noted('deaf'), ['sidecar'])
    assert.ok(Date.now() - begun < 8000, 'the grace was 2 s')
  })

  test('a container is asked to end when services have let go of its pod, not before', async () => {
    await runNoting('served', [noting('c')])
    const slice = await node.client.create('EndpointSlice', sliceOf('served', await uidOf('served'), true))
    const told = new Promise<void>((resolve) => {
      const follower = node.client.follow('Event', {
        onChange: ({ object }) => {
          if (object.involvedObject.name !== 'served' || object.reason !== 'Killing') return
          queueMicrotask(() => follower.close())
          resolve()
        },
      })
    })
    const gone = node.delete('served', 10)
    await told
    // Longer than it would have settled, had it not waited for the slices.
    await pause(700)
    assert.deepEqual(noted('served'), [])
    appendFileSync(join(notes, 'served'), 'services let go\n')
    const [endpoint] = slice.endpoints
    if (endpoint) endpoint.conditions = { ready: false, serving: true, terminating: true }
    const letGo = performance.now()
    await node.client.update('EndpointSlice', slice)
    await gone
    assert.deepEqual(noted('served'), ['services let go', 'c'])
    assert.ok(performance.now() - letGo > 299, 'the nodes need a moment to obey')
  })

  test('when nobody changes the slices a pod ends all the same', async () => {
    await runNoting('forgotten', [noting('c')])
    await node.client.create('EndpointSlice', sliceOf('forgotten', await uidOf('forgotten'), true))
    await node.delete('forgotten', 10)
    assert.deepEqual(noted('forgotten'), ['c'])
  })
})

async function uidOf(pod: string): Promise<string> {
  return (await node.client.get('Pod', pod, 'default'))?.metadata.uid ?? assert.fail('there is no such pod')
}

function sliceOf(pod: string, uid: string, ready: boolean): Omit<EndpointSlice, 'apiVersion' | 'kind'> {
  return {
    metadata: { name: pod, namespace: 'default', labels: { 'kubernetes.io/service-name': pod } },
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: ['100.96.1.77'],
        conditions: { ready, serving: ready, terminating: false },
        targetRef: { kind: 'Pod', name: pod, namespace: 'default', uid },
      },
    ],
    ports: [],
  }
}
