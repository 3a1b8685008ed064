// `kubehop dns --node-address` as an operator starts it on a node: a process of its own, and an API server that it knows by a kubeconfig.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { fromKubeconfig } from '../../src/api/client/kubeconfig.ts'
import { type TestApi, testApi } from '../../src/api/testing.ts'
import { address } from '../../src/base/address.ts'
import { nodeLink } from '../../src/dns/node/hold.ts'
import { nodeRules } from '../../src/dns/node/rules.ts'
import { queryOf, read, summary } from '../../src/dns/testing/ask.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { deleteLink, setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'

const own = address('169.254.20.10')
const running = new Set<ChildProcess>()
let folder: string
let cluster: TestApi

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dns-node-'))
  using routes = openRouteSocket()
  routes.apply(setLink('lo', { up: true }))
  cluster = await testApi()
  writeFileSync(join(folder, 'kubeconfig'), cluster.kubeconfig)
  const client = await fromKubeconfig(join(folder, 'kubeconfig'))
  await client.create('Service', {
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '100.64.0.20', ports: [{ port: 80 }] },
  })
  client.close()
})

afterEach(async () => {
  for (const child of running) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  using routes = openRouteSocket()
  routes.ensure(deleteLink(nodeLink))
})

after(async () => {
  await cluster[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

interface Resolver {
  readonly child: ChildProcess
  readonly exited: Promise<unknown[]>
  /** Everything that it has said so far. */
  said(): string
}

function start(...args: string[]): Resolver {
  const options = [`--node-address=${own}`, `--kubeconfig=${join(folder, 'kubeconfig')}`, ...args]
  const child = spawn(process.execPath, ['src/cli/main.ts', 'dns', ...options], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (data: string) => (text += data))
  return { child, exited: once(child, 'exit'), said: () => text }
}

async function ready(resolver: Resolver): Promise<void> {
  const begun = performance.now()
  while ((await fetch(`http://${own}:8181/ready`).catch(() => undefined))?.status !== 200) {
    assert.ok(performance.now() - begun < 10_000, `it is never ready; ${resolver.said()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function ask(name: string): Promise<string> {
  const socket = createSocket('udp4')
  try {
    socket.connect(53, own)
    await once(socket, 'connect')
    socket.send(queryOf(name, 'A'))
    const [reply] = (await once(socket, 'message')) as [Buffer]
    return summary(read(reply))
  } finally {
    socket.close()
  }
}

function left(): string[] {
  using routes = openRouteSocket()
  using nftables = openNftables()
  return [...(routes.link(nodeLink) ? ['device'] : []), ...(nftables.read(nodeRules(own, 53).table) ? ['rules'] : [])]
}

async function end({ child, exited }: Resolver): Promise<void> {
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
}

test('it answers at its address, and at the end the address and its rules are gone', async () => {
  const resolver = start()
  await ready(resolver)
  assert.equal(await ask('web.default.svc.cluster.local'), 'NOERROR 100.64.0.20')
  assert.deepEqual(left(), ['device', 'rules'])
  await end(resolver)
  assert.deepEqual(left(), [])
})

test('killed, it leaves an address that refuses; the next one answers there', async () => {
  const first = start()
  await ready(first)
  first.child.kill('SIGKILL')
  await first.exited
  assert.deepEqual(left(), ['device'])
  await assert.rejects(ask('web.default.svc.cluster.local'), { code: 'ECONNREFUSED' })
  const second = start()
  await ready(second)
  assert.equal(await ask('web.default.svc.cluster.local'), 'NOERROR 100.64.0.20')
  await end(second)
  assert.deepEqual(left(), [])
})

test('for an upgrade the address can stay', async () => {
  const resolver = start('--keep-node-address')
  await ready(resolver)
  await end(resolver)
  assert.deepEqual(left(), ['device'])
})

test('a second one on the same node ends and says why; the first goes on', async () => {
  const first = start()
  await ready(first)
  const second = start()
  assert.deepEqual(await second.exited, [1, null])
  assert.match(second.said(), /another resolver of this node runs already: end it first/)
  assert.equal(await ask('web.default.svc.cluster.local'), 'NOERROR 100.64.0.20')
  await end(first)
})
