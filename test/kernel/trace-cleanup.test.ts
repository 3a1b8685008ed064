import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { KernelError } from '../../src/kernel/libc.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { watchedCount } from '../../src/kernel/reactor.ts'
import type { Agent } from '../../src/trace/agent.ts'
import { httpAgent, serveTrace } from '../../src/trace/http.ts'
import type { Observation } from '../../src/trace/observation.ts'
import type { WatchSpec } from '../../src/trace/observe/spec.ts'
import { address } from '../../src/base/address.ts'
import { pair, tablesOf } from './trace-pair.ts'
import type { World } from './trace-world.ts'

let world: World
before(async () => {
  world = await pair()
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const spec = (pods: string[] = ['shop/client'], seconds = 20): WatchSpec => ({
  id: '0123abcd',
  protocol: 'tcp',
  port: 40000,
  addresses: [address(world.addressOf('client'))],
  pods,
  seconds,
})

function sockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
    } catch {
      return false
    }
  }).length
}

async function all(
  agent: Agent,
  of: WatchSpec,
  signal: AbortSignal,
  onReady?: () => void | Promise<void>,
): Promise<Observation[]> {
  const seen: Observation[] = []
  for await (const one of agent.observe(of, signal)) {
    seen.push(one)
    if (one.kind === 'ready') await onReady?.()
  }
  return seen
}

const node1 = (): Agent => world.agents.get('node1') as Agent
const kinds = (seen: readonly Observation[]): string[] => seen.map(({ kind }) => kind)

test('while watching there is one table, and afterwards neither table nor socket', async () => {
  const before = { sockets: sockets(), watched: watchedCount() }
  const stop = new AbortController()
  const seen = await all(node1(), spec(), stop.signal, () => {
    assert.deepEqual(tablesOf(world.node('node1')).sort(), ['kubehop', 'kubehop-trace-0123abcd'])
    stop.abort()
  })
  assert.deepEqual(kinds(seen), ['state', 'state', 'ready', 'facts', 'facts', 'end'])
  assert.deepEqual(tablesOf(world.node('node1')), ['kubehop'])
  assert.deepEqual({ sockets: sockets(), watched: watchedCount() }, before)
})

test('a reader that leaves in the middle leaves nothing behind', async () => {
  const before = sockets()
  for await (const one of node1().observe(spec(), new AbortController().signal)) if (one.kind === 'ready') break
  assert.deepEqual(tablesOf(world.node('node1')), ['kubehop'])
  assert.equal(sockets(), before)
})

test('watching ends by itself when its time is over', async () => {
  const seen = await all(node1(), spec(['shop/client'], 0.1), new AbortController().signal)
  assert.deepEqual(kinds(seen), ['state', 'state', 'ready', 'facts', 'facts', 'end'])
})

test('two watchers with one id exclude each other, and the second leaves the first alone', async () => {
  const stop = new AbortController()
  const first = all(node1(), spec(), stop.signal, async () => {
    await assert.rejects(all(node1(), spec(), stop.signal), KernelError)
    assert.deepEqual(tablesOf(world.node('node1')).length, 2)
    stop.abort()
  })
  assert.equal((await first).at(-1)?.kind, 'end')
})

test('a pod that dies while it is watched does not end the watching', async () => {
  const ns = world.pod('mortal', 'node1')
  const stop = new AbortController()
  const seen = await all(node1(), spec(['shop/client', 'shop/mortal']), stop.signal, () => {
    ns.close()
    stop.abort()
  })
  assert.equal(seen.at(-1)?.kind, 'end')
  assert.deepEqual(
    seen.flatMap((one) => (one.kind === 'lost' ? [one.place.name] : [])),
    ['shop/mortal'],
  )
})

test('a node that cannot be watched is told, and the rest of the trace stands', async () => {
  const real = world.agents.get('node2') as Agent
  world.agents.set('node2', {
    observe: () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('connect ECONNREFUSED')) }),
    }),
    probe: real.probe,
  })
  try {
    const trace = await world.trace('client', 'svc/far-svc')
    assert.equal(trace.verdict, 'delivered')
    assert.equal(trace.hops.at(-1)?.place, 'router')
    assert.deepEqual(
      trace.why.map(({ code, say }) => `${code}: ${say}`),
      ['Unwatched: node2 could not be watched: connect ECONNREFUSED'],
    )
    assert.ok(trace.agrees)
  } finally {
    world.agents.set('node2', real)
  }
})

test('agents behind HTTP see the same, and a broken connection ends their watching', async (t) => {
  const errors: unknown[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://node')
    const agent = world.agents.get(request.headers.host ?? '') as Agent
    serveTrace(agent)(request, response, url).then(
      (mine) => mine || response.writeHead(404).end(),
      (error: unknown) => errors.push(error),
    )
  })
  // In the file system, because a new network namespace's loopback is down.
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-trace-'))
  const socketPath = join(folder, 'agent')
  await once(server.listen(socketPath), 'listening')
  t.after(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  const local = new Map(world.agents)
  const remote = (name: string): Agent =>
    httpAgent(name, (options) =>
      httpRequest({ socketPath, ...options, headers: { ...(options.headers as object), host: name } }),
    )
  const direct = await world.trace('client', 'http://100.64.0.21/')
  const agents = new Map(['node1', 'node2'].map((name) => [name, remote(name)]))
  const overHttp = await world.trace('client', 'http://100.64.0.21/', { agents })
  assert.deepEqual(
    overHttp.hops.map(({ place, component }) => [place, component]),
    direct.hops.map(({ place, component }) => [place, component]),
  )
  assert.equal(overHttp.status, '200 OK')
  assert.equal(local.size, 2)

  const wrong = { ...spec(), port: 0 }
  await assert.rejects(
    all(remote('node1'), wrong, new AbortController().signal),
    /"port" must be a port from 1 to 65535/,
  )
  await assert.rejects(
    remote('node1').probe(
      {
        kind: 'resolve',
        at: { kind: 'pod', name: 'shop/nobody' },
        filesOf: 'shop/nobody',
        name: 'x',
        port: 4000,
        timeoutMs: 10,
      },
      new AbortController().signal,
    ),
    /pod shop\/nobody does not run on node1/,
  )

  // The asker vanishes: the agent must notice by the connection alone.
  const raw = httpRequest({
    socketPath,
    method: 'POST',
    path: '/trace/observe',
    headers: { host: 'node1' },
  })
  raw.write(`${JSON.stringify(spec())}\n`)
  const [response] = (await once(raw, 'response')) as [NodeJS.ReadableStream]
  response.on('error', () => {})
  raw.on('error', () => {})
  assert.equal(tablesOf(world.node('node1')).length, 2)
  raw.destroy()
  await tableGone(world.node('node1'), 'kubehop-trace-0123abcd')
  assert.deepEqual(errors, [])
})

/** The kernel tells nobody that it removed an owner's table: it has to be asked. */
async function tableGone(ns: Netns, name: string): Promise<void> {
  for (const until = Date.now() + 10_000; tablesOf(ns).includes(name); ) {
    assert.ok(Date.now() < until, `table ${name} is still there`)
    await setTimeout(5)
  }
}

test('a request whose asker gives up ends at once', async () => {
  const gone = new AbortController()
  const before = sockets()
  const started = performance.now()
  const trace = world.trace('client', '100.64.0.99:80', { timeoutMs: 60_000, signal: gone.signal })
  void setTimeout(100).then(() => gone.abort())
  assert.equal((await trace).verdict, 'dropped')
  assert.ok(performance.now() - started < 10_000)
  await tableGone(
    world.node('node1'),
    tablesOf(world.node('node1')).find((name) => name.startsWith('kubehop-trace-')) ?? '',
  )
  // Who gives up does not wait until the watchers have closed their sockets, which they do on other threads.
  for (const until = Date.now() + 10_000; sockets() > before; ) {
    assert.ok(Date.now() < until, 'sockets are still open')
    await setTimeout(5)
  }
})
