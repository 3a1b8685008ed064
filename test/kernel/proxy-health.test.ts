import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import { connectTcp, listenTcp } from '../../src/kernel/socket.ts'
import {
  type HealthCheckPorts,
  type HealthCheckPortsOptions,
  serveHealthCheckPorts,
} from '../../src/proxy/health/ports.ts'
import { ask, localhost, machine, node, silent } from './proxy-health-machine.ts'

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
