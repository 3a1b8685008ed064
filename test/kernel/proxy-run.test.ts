import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { fromKubeconfig } from '../../src/api/client/kubeconfig.ts'
import type { Client } from '../../src/api/client/client.ts'
import { type TestApi, testApi } from '../../src/api/testing.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { families } from '../../src/proxy/layout/family.ts'

// `kubehop proxy run` as an operator starts it: a process of its own, and an API server that it knows by a kubeconfig.

const { table } = families[4]
const running = new Set<ChildProcess>()
let folder: string
let cluster: TestApi
let client: Client

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'proxy-run-'))
  using routes = openRouteSocket()
  routes.apply(setLink('lo', { up: true }))
  cluster = await testApi()
  writeFileSync(join(folder, 'kubeconfig'), cluster.kubeconfig)
  client = await fromKubeconfig(join(folder, 'kubeconfig'))
  await client.create('Node', {
    metadata: { name: 'node1' },
    status: { addresses: [{ type: 'InternalIP', address: '192.168.50.11' }] },
  })
  await client.create('Service', {
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '100.64.0.20', ports: [{ port: 80 }] },
  })
  await slice('web', '100.96.1.3')
})

afterEach(async () => {
  for (const child of running) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

after(async () => {
  client.close()
  await cluster[Symbol.asyncDispose]()
  using nftables = openNftables()
  if (nftables.read(table)) nftables.apply({ table, ops: [{ op: 'delete table' }] })
  rmSync(folder, { recursive: true })
})

async function slice(of: string, address: string): Promise<void> {
  await client.create('EndpointSlice', {
    metadata: { name: `${of}-${address}`, namespace: 'default', labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address] }],
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  })
}

interface Agent {
  readonly child: ChildProcess
  /** Everything that it has said so far. */
  said(): string
}

function start(...args: string[]): Agent {
  const child = spawn(
    process.execPath,
    [
      'src/cli/main.ts',
      'proxy',
      'run',
      '--node=node1',
      '--cluster-cidr=100.96.0.0/11',
      '--service-cidr=100.64.0.0/13',
      `--kubeconfig=${join(folder, 'kubeconfig')}`,
      `--lock=${join(folder, 'lock')}`,
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  running.add(child)
  child.once('exit', () => running.delete(child))
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (data: string) => (text += data))
  return { child, said: () => text }
}

function endpoints(): number {
  using nftables = openNftables()
  return nftables.read(table)?.sets.get('endpoints')?.elements.size ?? 0
}

async function until(what: string, condition: () => boolean | Promise<boolean>, agent?: Agent): Promise<void> {
  const begun = performance.now()
  while (!(await condition())) {
    assert.ok(performance.now() - begun < 10_000, `${what}: it never came; ${agent?.said() ?? ''}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const status = async (url: string): Promise<number> => (await fetch(url).catch(() => undefined))?.status ?? 0

test('it serves the cluster, tells how it is, and what it leaves goes on', async () => {
  const agent = start()
  await until('the rules', () => endpoints() === 1, agent)
  await until('health', async () => (await status('http://127.0.0.1:10256/healthz')) === 200, agent)
  assert.equal(await status('http://127.0.0.1:10256/livez'), 200)
  const metrics = await (await fetch('http://127.0.0.1:10249/metrics')).text()
  assert.match(metrics, /^kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="IPv4"\} [1-9]/m)
  assert.match(
    metrics,
    /^kubehop_service_connections_total\{namespace="default",service="web",port="80",protocol="TCP"\} 0$/m,
  )
  const exited = once(agent.child, 'exit')
  agent.child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
  assert.equal(endpoints(), 1)
})

test('killed in the middle, it is followed by one that changes only what differs', async () => {
  const first = start('--healthz=0', '--metrics=0')
  await until('the rules', () => first.said().includes('all services are known'), first)
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  await slice('web', '100.96.1.4')
  using nftables = openNftables()
  const before = nftables.rules(table).filter(({ chain }) => chain.startsWith('nat-'))
  const second = start('--healthz=0', '--metrics=0')
  await until('the change', () => endpoints() === 2, second)
  const now = nftables.rules(table).filter(({ chain }) => chain.startsWith('nat-'))
  assert.deepEqual(
    now.map(({ handle }) => handle),
    before.map(({ handle }) => handle),
  )
})

test('a second one waits for the first', async () => {
  const first = start('--healthz=0', '--metrics=0')
  await until('the rules', () => first.said().includes('all services are known'), first)
  const second = start('--healthz=0', '--metrics=0')
  await until('the second says that it waits', () => second.said().includes('waiting until it ends'), second)
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  await slice('web', '100.96.1.5')
  await until('the second takes over', () => endpoints() === 3, second)
})

for (const [args, say] of [
  [['--cluster-cidr=pods'], /--cluster-cidr "pods" is no address range; it looks like/],
  [['--nodeport-addresses=10.0.0.0/8,x'], /--nodeport-addresses "x" is no address range/],
  [['--healthz=10256'], /--healthz "10256" is no address and port; it looks like 0\.0\.0\.0:10256/],
  [['--kubeconfig=/nowhere'], /read kubeconfig \/nowhere/],
] as const)
  test(`${args[0]} is refused with a word on what is wrong`, async () => {
    const agent = start(...args)
    const [code] = (await once(agent.child, 'exit')) as [number]
    assert.ok(code === 1 || code === 2)
    await until('what is wrong', () => say.test(agent.said()), agent)
  })
