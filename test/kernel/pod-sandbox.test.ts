import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import { startedAt } from '../../src/kernel/process.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

const serve = (port: number, say: string): string[] => [
  'node',
  '-e',
  `require('http').createServer((q, s) => s.end(${JSON.stringify(say)})).listen(${port})`,
]
const get = (url: string): string[] => [
  'node',
  '-e',
  `fetch('${url}').then((r) => r.text()).then(console.log, (e) => { console.log(String(e.cause?.code)); process.exit(1) })`,
]
const statusOf = (pod: Pod | undefined, name = 'c') => pod?.status?.containerStatuses?.find((one) => one.name === name)

test('the containers of a pod share its network: one reaches the other over localhost', async () => {
  await node.run(
    'shared',
    {},
    {
      containers: [
        { name: 'web', image: 'host', command: serve(8080, 'hello'), readinessProbe: { httpGet: { port: 8080 } } },
        { name: 'side', image: 'host', command: ['sleep', '1000'] },
      ],
    },
  )
  const pod = await node.ready('shared')
  assert.match(pod.status?.podIP ?? '', /^100\.96\.1\./)
  assert.equal(pod.status?.phase, 'Running')
  const { out } = await node.exec('shared', get('http://localhost:8080'), 'side')
  assert.equal(out, 'hello\n')
  const [process] = node.pods.list().filter(({ name }) => name === 'shared')
  const inode = readlinkSync(`/proc/${process?.pausePid}/ns/net`)
  for (const { pid } of process?.containers ?? []) assert.equal(readlinkSync(`/proc/${pid}/ns/net`), inode)
  assert.match(process?.hostDevice ?? '', /^veth\d+$/)
  await node.delete('shared')
})

test('a port of the node leads to a container, from the node and from other pods; a second pod cannot have it', async () => {
  const ports = [{ containerPort: 8080, hostPort: 18080 }]
  const readinessProbe = { tcpSocket: { port: 8080 } }
  const web = { name: 'web', image: 'host', command: serve(8080, 'by the node'), ports, readinessProbe }
  await node.run('published', {}, { containers: [web] })
  await node.ready('published')
  assert.equal(await ask(), 'by the node')
  await node.run('client', { command: ['sleep', '1000'] })
  await node.ready('client')
  // The node's own address on the bridge.
  assert.equal((await node.exec('client', get('http://100.96.1.1:18080'))).out, 'by the node\n')
  assert.equal(
    (await node.exec('published', get('http://100.96.1.1:18080'), 'web')).out,
    'by the node\n',
    'itself, too',
  )

  await node.run('rival', {}, { containers: [web] })
  await eventOf(
    'rival',
    /FailedCreatePodSandBox: Failed to create pod sandbox: .*18080\/TCP: pod default\/published has it\. Choose another hostPort/,
  )
  await node.delete('published')
  // It is tried again, and the port is free now.
  await node.ready('rival')
  assert.equal(await ask(), 'by the node')
  await node.delete('rival')
  await node.delete('client')
  await assert.rejects(ask())
})

test("a pod's annotations limit its bandwidth; one that is no rate is told", async () => {
  const create = (name: string, annotations: Record<string, string>): Promise<Pod> =>
    node.client.create('Pod', {
      metadata: { name, namespace: 'default', annotations },
      spec: { nodeName: 'node1', containers: [{ name: 'c', image: 'host', command: ['sleep', '1000'] }] },
    })
  await create('slow', { 'kubernetes.io/ingress-bandwidth': '10M' })
  await node.ready('slow')
  const device = node.pods.list().find(({ name }) => name === 'slow')?.hostDevice ?? ''
  using socket = openRouteSocket()
  const index = socket.link(device)?.index ?? 0
  const bucket = socket.qdiscs(index).find(({ place }) => place === 'root')?.tbf
  assert.equal(bucket?.rate, 10_000_000n / 8n, 'bytes a second')
  await create('wrong', { 'kubernetes.io/egress-bandwidth': 'fast' })
  await eventOf('wrong', /FailedCreatePodSandBox: .*kubernetes.io\/egress-bandwidth is "fast": write bits a second/)
  await node.delete('slow')
  await node.delete('wrong')
})

/** A connection of its own each time: one that is kept open would still lead to a pod that is gone. */
async function ask(): Promise<string> {
  const request = httpGet({ host: '127.0.0.1', port: 18080, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return text(response)
}

/** Resolves when the pod has such an event. */
async function eventOf(pod: string, say: RegExp): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const follower = node.client.follow('Event', {
    onChange: ({ object: { involvedObject, reason, message } }) => {
      if (involvedObject.name === pod && say.test(`${reason}: ${message}`)) resolve()
    },
  })
  await promise
  follower.close()
}

test('of two containers that want one port the second fails, is restarted with a backoff, and the pod says so', async () => {
  await node.run(
    'collision',
    {},
    {
      containers: [
        { name: 'first', image: 'host', command: serve(80, 'first'), readinessProbe: { tcpSocket: { port: 80 } } },
        { name: 'second', image: 'host', command: ['sh', '-c', `sleep 0.3; exec "$0" "$@"`, ...serve(80, 'second')] },
      ],
    },
  )
  const pod = await node.until('collision', 'crash looping', (one) => {
    const second = statusOf(one, 'second')
    return second?.state?.waiting?.reason === 'CrashLoopBackOff' && second.restartCount > 0
  })
  const second = statusOf(pod, 'second')
  assert.match(
    second?.state?.waiting?.message ?? '',
    /^back-off .* restarting failed container=second pod=collision_default\(/,
  )
  assert.equal(second?.lastState?.terminated?.exitCode, 1)
  assert.equal(statusOf(pod, 'first')?.ready, true)
  assert.match(await node.logs('collision', 'second', { previous: true }), /EADDRINUSE/)
  const events = await node.events('collision')
  assert.ok(
    events.some((event) =>
      event.startsWith('Warning BackOff: Back-off restarting failed container second in pod collision_'),
    ),
  )
  await node.delete('collision')
})

test('when every container is killed the namespace and the address stay, and the containers come back into them', async () => {
  await node.run('phoenix', { command: ['sleep', '1000'] })
  const before = await node.ready('phoenix')
  const [was] = node.pods.list().filter(({ name }) => name === 'phoenix')
  process.kill(was?.containers[0]?.pid ?? 0, 'SIGKILL')
  const back = await node.until(
    'phoenix',
    'back',
    (pod) => statusOf(pod)?.restartCount === 1 && statusOf(pod)?.ready === true,
  )
  assert.equal(statusOf(back)?.lastState?.terminated?.exitCode, 137)
  assert.equal(back?.status?.podIP, before.status?.podIP)
  const [is] = node.pods.list().filter(({ name }) => name === 'phoenix')
  assert.equal(is?.pausePid, was?.pausePid)
  assert.notEqual(is?.containers[0]?.pid, was?.containers[0]?.pid)
  assert.equal(readlinkSync(`/proc/${is?.containers[0]?.pid}/ns/net`), readlinkSync(`/proc/${was?.pausePid}/ns/net`))
  await node.delete('phoenix')
})

test('when pause dies the pod gets a new sandbox and its containers start in it', async () => {
  await node.run('bereft', { command: ['sleep', '1000'] })
  await node.ready('bereft')
  const [was] = node.pods.list().filter(({ name }) => name === 'bereft')
  process.kill(was?.pausePid ?? 0, 'SIGKILL')
  const back = await node.until(
    'bereft',
    'back',
    (pod) => statusOf(pod)?.restartCount === 1 && statusOf(pod)?.ready === true,
  )
  const [is] = node.pods.list().filter(({ name }) => name === 'bereft')
  assert.notEqual(is?.pausePid, was?.pausePid)
  assert.equal(is?.address, back?.status?.podIP)
  const events = await node.events('bereft')
  assert.ok(events.some((event) => event.startsWith('Normal SandboxChanged')))
  await node.delete('bereft')
})

test('when pause dies, a pod that starts nothing again ends, and gets no other sandbox', async () => {
  await node.run('once', { command: ['sleep', '1000'] }, { restartPolicy: 'Never' })
  await node.ready('once')
  const [was] = node.pods.list().filter(({ name }) => name === 'once')
  process.kill(was?.pausePid ?? 0, 'SIGKILL')
  const over = await node.until('once', 'over', (pod) => pod?.status?.phase === 'Failed')
  assert.equal(statusOf(over)?.state?.terminated?.exitCode, 137)
  assert.equal(over?.status?.podIP, was?.address)
  assert.deepEqual(
    (await node.events('once')).filter((event) => event.includes('Sandbox')),
    [],
  )
  await node.delete('once')
})

test('pause is tiny, survives a stop and a continue, and ends when it is told to', async () => {
  await node.run('quiet', { command: ['sleep', '1000'] })
  await node.ready('quiet')
  const pid = node.pods.list().find(({ name }) => name === 'quiet')?.pausePid ?? 0
  const resident = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  assert.ok(resident < 1024, `${resident} kB`)
  process.kill(pid, 'SIGSTOP')
  process.kill(pid, 'SIGCONT')
  assert.equal((await node.exec('quiet', ['hostname'])).out, 'quiet\n')
  assert.equal(readlinkSync(node.pods.netnsOf('default', 'quiet') ?? ''), readlinkSync(`/proc/${pid}/ns/net`))
  process.kill(pid, 'SIGTERM')
  await node.until('quiet', 'in a new sandbox', (pod) => statusOf(pod)?.restartCount === 1)
  await node.delete('quiet')
})

test('a deleted pod leaves no process, no cable and no file', async () => {
  await node.run('fleeting', {
    command: ['sh', '-c', 'trap "echo bye; exit 3" TERM; touch /tmp/up; while :; do sleep 0.05; done'],
    readinessProbe: { exec: { command: ['test', '-e', '/tmp/up'] } },
  })
  await node.ready('fleeting')
  const [process] = node.pods.list().filter(({ name }) => name === 'fleeting')
  const seen = node.until('fleeting', 'ended', (pod) => statusOf(pod)?.state?.terminated !== undefined)
  await node.client.delete('Pod', 'fleeting', 'default', { gracePeriodSeconds: 30 })
  const last = await seen
  await node.until('fleeting', 'gone', (pod) => pod === undefined)
  assert.equal(statusOf(last)?.state?.terminated?.exitCode, 3)
  assert.equal(
    node.network.list().some(({ hostDevice }) => hostDevice === process?.hostDevice),
    false,
  )
  assert.equal(startedAt(process?.pausePid ?? 0), undefined)
  assert.deepEqual(node.pods.list(), [])
  assert.ok((await node.events('fleeting')).includes('Normal Killing: Stopping container c'))
})

test('a container that ignores SIGTERM is killed when the grace is over, and a second, shorter wish counts', async () => {
  await node.run('stubborn', { command: ['sleep', '1000'] })
  await node.ready('stubborn')
  const started = performance.now()
  await node.client.delete('Pod', 'stubborn', 'default', { gracePeriodSeconds: 600 })
  await node.delete('stubborn', 1)
  assert.ok(performance.now() - started < 10_000)
})

test('thirty pods start at once, each with an address of its own, and go at once', async () => {
  const names = Array.from({ length: 30 }, (_, index) => `many-${index}`)
  await Promise.all(names.map((name) => node.run(name, { command: ['sleep', '1000'] })))
  const pods = await Promise.all(names.map((name) => node.ready(name)))
  assert.equal(new Set(pods.map(({ status }) => status?.podIP)).size, 30)
  await Promise.all(names.map((name) => node.delete(name)))
  assert.equal(node.network.list().length, 0)
})
