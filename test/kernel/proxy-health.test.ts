import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:net'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { pino } from 'pino'
import { address } from '../../src/base/address.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { connectTcp, listenTcp } from '../../src/kernel/socket.ts'
import { openHealth } from '../../src/proxy/health/health.ts'
import {
  type HealthCheckPorts,
  type HealthCheckPortsOptions,
  serveHealthCheckPorts,
} from '../../src/proxy/health/ports.ts'
import { startHealth, startMetricsServer } from '../../src/proxy/health/server.ts'
import { openProxyMetrics, type ProxyMetrics } from '../../src/proxy/metrics/metrics.ts'
import { usualPlaces } from '../../src/proxy/operations.ts'

const silent = pino({ level: 'silent' })
const node = address('192.168.50.11')
const localhost = address('127.0.0.1')

/** A namespace with a loopback that has a node's address too. */
function machine(): Netns {
  const ns = createNetns()
  using socket = openRouteSocket(ns)
  const lo = socket.link('lo')?.index ?? 1
  socket.apply(setLink('lo', { up: true }), addAddress({ index: lo, address: node, prefix: 32 }))
  return ns
}

interface Answer {
  code: number | undefined
  headers: IncomingHttpHeaders
  body: string
}

async function ask(ns: Netns, port: number, path = '/', at = localhost, method = 'GET'): Promise<Answer> {
  const request = get({ path, method, createConnection: () => connectTcp({ ns, address: at, port }) })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const body = (await response.setEncoding('utf8').toArray()).join('')
  return { code: response.statusCode, headers: response.headers, body }
}

/** The service that answers on a port and how many endpoints it has, or why nobody does. */
async function who(ns: Netns, port: number, at = localhost): Promise<string> {
  try {
    const { body } = await ask(ns, port, '/', at)
    const { service, localEndpoints } = JSON.parse(body)
    return `${service.namespace}/${service.name} ${localEndpoints}`
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

function open(ns: Netns, more: Partial<HealthCheckPortsOptions> = {}) {
  const problems = new Map<string, string>()
  const news = Promise.withResolvers<void>()
  let next = news
  const ports = serveHealthCheckPorts({
    ns,
    healthy: () => true,
    log: silent,
    onProblem(service, say) {
      if (say === undefined) problems.delete(service)
      else problems.set(service, say)
      next.resolve()
      next = Promise.withResolvers()
    },
    ...more,
  })
  return { ports, problems, news: () => next.promise, [Symbol.dispose]: () => ports.close() }
}

/** Ports are settled once for each turn of the event loop. */
async function settled(): Promise<void> {
  await turn()
  await turn()
}

test('a load balancer learns whether this node has endpoints of a service, and how many', async () => {
  using ns = machine()
  let healthy = true
  using opened = open(ns, { healthy: () => healthy })
  const { ports } = opened
  ports.set('shop/web', 30_100, 3)
  await settled()
  const good = await ask(ns, 30_100, '/whatever')
  assert.equal(good.code, 200)
  assert.deepEqual(JSON.parse(good.body), {
    service: { namespace: 'shop', name: 'web' },
    localEndpoints: 3,
    serviceProxyHealthy: true,
  })
  assert.equal(good.headers['content-type'], 'application/json')
  assert.equal(good.headers['x-content-type-options'], 'nosniff')
  assert.equal(good.headers['x-load-balancing-endpoint-weight'], '3')
  assert.equal(good.headers.connection, 'close')

  ports.set('shop/web', 30_100, 0)
  const none = await ask(ns, 30_100)
  assert.deepEqual([none.code, none.headers['x-load-balancing-endpoint-weight']], [503, '0'])

  ports.set('shop/web', 30_100, 1)
  healthy = false
  const ill = await ask(ns, 30_100)
  assert.deepEqual([ill.code, JSON.parse(ill.body).serviceProxyHealthy], [503, false])

  ports.set('shop/web', undefined, 0)
  await settled()
  assert.equal(await who(ns, 30_100), 'ECONNREFUSED')
})

test('checks are answered where node ports are, and follow the addresses', async () => {
  using ns = machine()
  using opened = open(ns, { addresses: [node] })
  const { ports } = opened
  ports.set('n/s', 30_100, 1)
  await settled()
  assert.equal(await who(ns, 30_100, node), 'n/s 1')
  assert.equal(await who(ns, 30_100, localhost), 'ECONNREFUSED')
  ports.listenOn([localhost])
  await settled()
  assert.equal(await who(ns, 30_100, node), 'ECONNREFUSED')
  assert.equal(await who(ns, 30_100, localhost), 'n/s 1')
  ports.listenOn([])
  await settled()
  assert.equal(await who(ns, 30_100, localhost), 'ECONNREFUSED')
})

test('a port goes from one service to another without being closed', async () => {
  using ns = machine()
  using opened = open(ns)
  const { ports, problems } = opened
  ports.set('n/a', 30_100, 1)
  await settled()
  const socket = listening(ns).get(30_100)
  assert.ok(socket)
  ports.set('n/b', 30_100, 2)
  ports.set('n/a', 30_101, 1)
  await settled()
  assert.equal(await who(ns, 30_100), 'n/b 2')
  ports.set('n/b', undefined, 0)
  ports.set('n/c', 30_100, 3)
  await settled()
  assert.equal(await who(ns, 30_100), 'n/c 3')
  assert.equal(await who(ns, 30_101), 'n/a 1')
  assert.equal(listening(ns).get(30_100), socket)
  assert.equal(problems.size, 0)
})

test('a port that another service has is said, and given when it is free', async () => {
  using ns = machine()
  using opened = open(ns)
  const { ports, problems } = opened
  ports.set('n/a', 30_100, 1)
  ports.set('n/b', 30_100, 2)
  await settled()
  assert.equal(await who(ns, 30_100), 'n/a 1')
  assert.match(problems.get('n/b') ?? '', /healthCheckNodePort 30100 belongs to service n\/a/)
  assert.equal(problems.size, 1)
  ports.set('n/a', undefined, 0)
  await settled()
  assert.equal(await who(ns, 30_100), 'n/b 2')
  assert.equal(problems.size, 0)
})

test('a port that another program has is said, and opened once it is free', async () => {
  using ns = machine()
  using opened = open(ns)
  const { ports, problems, news } = opened
  const rival: Server = createServer().listen({ fd: listenTcp(ns, localhost, 30_100) })
  await once(rival, 'listening')
  ports.set('n/a', 30_100, 1)
  await settled()
  assert.match(problems.get('n/a') ?? '', /^healthCheckNodePort 30100: .*another program has this port/)
  const free = news()
  rival.close()
  await free
  assert.equal(problems.size, 0)
  assert.equal(await who(ns, 30_100), 'n/a 1')
})

test('whatever services want, each port answers for the one that has wanted it longest', async () => {
  using ns = machine()
  const change = fc.record({
    service: fc.constantFrom('n/a', 'n/b', 'n/c', 'n/d'),
    port: fc.option(fc.constantFrom(30_100, 30_101, 30_102), { nil: undefined }),
    endpoints: fc.nat(9),
    pause: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
      using opened = open(ns)
      const wanted = new Map<string, { port: number; endpoints: number }>()
      for (const { service, port, endpoints, pause } of changes) {
        opened.ports.set(service, port, endpoints)
        const known = wanted.get(service)
        if (known && port !== undefined && known.port === port) known.endpoints = endpoints
        else {
          wanted.delete(service)
          if (port !== undefined) wanted.set(service, { port, endpoints })
        }
        if (pause) await settled()
      }
      await settled()
      for (const number of [30_100, 30_101, 30_102]) {
        const first = [...wanted].find(([, { port }]) => port === number)
        assert.equal(await who(ns, number), first ? `${first[0]} ${first[1].endpoints}` : 'ECONNREFUSED')
      }
      const waiting = [...wanted].filter(
        ([name, { port }]) => [...wanted].find(([, other]) => other.port === port)?.[0] !== name,
      )
      assert.deepEqual([...opened.problems.keys()].sort(), waiting.map(([name]) => name).sort())
    }),
    { numRuns: 50 },
  )
  assert.deepEqual([...listening(ns)], [])
})

test('a thousand services have a port each, and new numbers cost nothing', async () => {
  using ns = machine()
  using opened = open(ns)
  const { ports } = opened
  const all = (endpoints: number, of: HealthCheckPorts = ports): void => {
    for (let i = 0; i < 1000; i++) of.set(`n/s${i}`, 30_000 + i, endpoints)
  }
  all(1)
  await settled()
  const before = listening(ns)
  assert.equal(before.size, 1000)
  all(2)
  await settled()
  assert.deepEqual(listening(ns), before)
  assert.equal(await who(ns, 30_000), 'n/s0 2')
  assert.equal(await who(ns, 30_999), 'n/s999 2')
})

test('clients that say nothing do not keep others from being answered', async () => {
  using ns = machine()
  using opened = open(ns)
  opened.ports.set('n/s', 30_100, 1)
  await settled()
  const idle = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const socket = connectTcp({ ns, address: localhost, port: 30_100 })
      const closed = once(socket.on('error', () => {}).resume(), 'close')
      await once(socket, 'connect')
      socket.write('GET / HTTP/1.1\r\n')
      return { socket, closed }
    }),
  )
  assert.equal(await who(ns, 30_100), 'n/s 1')
  await idle[0]?.closed
  for (const { socket } of idle) socket.destroy()
})

test('nonsense ends the connection, not the server', async () => {
  using ns = machine()
  using opened = open(ns)
  opened.ports.set('n/s', 30_100, 1)
  await settled()
  for (const nonsense of ['\0\0\0\0', `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, '\x16\x03\x01\x02']) {
    const socket = connectTcp({ ns, address: localhost, port: 30_100 })
    socket.on('error', () => {}).write(nonsense)
    await once(socket.resume(), 'close')
  }
  assert.equal(await who(ns, 30_100), 'n/s 1')
})

function world(ns: Netns, log = silent) {
  let now = 0
  const clock = { steady: () => now, wall: () => Date.UTC(2026, 0, 1) + now }
  const health = openHealth({ family: 4, clock })
  const state = { services: 0, endpoints: 0, skippedObjects: 0, noLocalEndpoints: { internal: 0, external: 0 } }
  const metrics: ProxyMetrics = openProxyMetrics({ family: 4, state: () => state, log })
  const servers = [
    startHealth({ ns, ...usualPlaces.healthz, health, metrics, log }),
    startMetricsServer({ ns, ...usualPlaces.metrics, metrics, log }),
  ]
  return {
    health,
    pass: (seconds: number) => void (now += seconds * 1000),
    [Symbol.dispose]: () => servers.forEach((server) => server.close()),
  }
}

test('healthz and livez say what upstream says, on the port where it does', async () => {
  using ns = machine()
  using opened = world(ns)
  const { health, pass } = opened
  const codes = async (): Promise<unknown[]> => [
    (await ask(ns, 10256, '/healthz', node)).code,
    (await ask(ns, 10256, '/livez')).code,
  ]
  health.committed()
  pass(7)
  const at = '2026-01-01T00:00:07.000Z'
  const status = { IPv4: { lastUpdated: '2026-01-01T00:00:00.000Z', healthy: true } }
  const well = await ask(ns, 10256, '/healthz?x')
  assert.deepEqual(JSON.parse(well.body), {
    lastUpdated: at,
    currentTime: at,
    nodeEligible: true,
    healthy: true,
    status,
  })
  assert.equal(well.headers['x-content-type-options'], 'nosniff')
  assert.deepEqual(JSON.parse((await ask(ns, 10256, '/livez')).body), {
    lastUpdated: at,
    currentTime: at,
    healthy: true,
    status,
  })
  assert.deepEqual(await codes(), [200, 200])
  health.node(false)
  assert.deepEqual(await codes(), [503, 200])
  health.node(true)
  health.queued()
  pass(60)
  assert.deepEqual(await codes(), [503, 503])
  health.committed()
  assert.deepEqual(await codes(), [200, 200])
  assert.equal((await ask(ns, 10256, '/metrics')).code, 404)

  const { body } = await ask(ns, 10249, '/metrics')
  for (const line of [
    'kubeproxy_proxy_healthz_total{code="200"} 3',
    'kubeproxy_proxy_healthz_total{code="503"} 2',
    'kubeproxy_proxy_livez_total{code="200"} 4',
    'kubeproxy_proxy_livez_total{code="503"} 1',
  ])
    assert.ok(body.includes(`\n${line}\n`), line)
})

test('metrics are told to this machine only, beside the mode of the proxy', async () => {
  using ns = machine()
  using opened = world(ns)
  void opened
  assert.equal((await ask(ns, 10249, '/proxyMode')).body, 'nftables')
  assert.equal((await ask(ns, 10249, '/healthz')).body, 'ok')
  assert.equal((await ask(ns, 10249, '/constructor')).code, 404)
  assert.equal((await ask(ns, 10249, '/metrics', localhost, 'POST')).code, 405)
  const scrape = await ask(ns, 10249, '/metrics')
  assert.equal(scrape.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  await assert.rejects(ask(ns, 10249, '/metrics', node), { code: 'ECONNREFUSED' })
})

test('a taken port is tried again, and the proxy goes on meanwhile', async () => {
  using ns = machine()
  const rival = createServer().listen({ fd: listenTcp(ns, address('0.0.0.0'), 10256) })
  await once(rival, 'listening')
  const lines = new EventEmitter()
  const log = pino({}, { write: (line: string) => void lines.emit(JSON.parse(line).msg) })
  const taken = once(lines, `cannot answer health checks yet: ${taken10256}`)
  const answering = once(lines, 'answering health checks')
  using opened = world(ns, log)
  void opened
  await taken
  assert.equal((await ask(ns, 10249, '/healthz')).code, 200)
  rival.close()
  await answering
  assert.equal((await ask(ns, 10256, '/livez')).code, 200)
})

const taken10256 = 'kernel: listen on 0.0.0.0:10256: EADDRINUSE: another program has this port'

/** The listening sockets of a namespace, by port: who closes and opens again has another inode. */
function listening(ns: Netns): Map<number, string> {
  const lines = inNetns(ns, () => readFileSync('/proc/thread-self/net/tcp', 'latin1'))
    .trim()
    .split('\n')
    .slice(1)
  const columns = lines.map((line) => line.trim().split(/\s+/))
  // Column 3 is the state (0A: listening), 9 the inode.
  return new Map(
    columns
      .filter(([, , , state]) => state === '0A')
      .map((column) => [Number.parseInt(column[1]?.split(':')[1] ?? '', 16), column[9] ?? '']),
  )
}
