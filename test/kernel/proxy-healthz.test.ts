import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { pino } from 'pino'
import { address } from '../../src/base/address.ts'
import { type Netns } from '../../src/kernel/netns.ts'
import { listenTcp } from '../../src/kernel/socket.ts'
import { openHealth } from '../../src/proxy/health/health.ts'
import { startHealth, startMetricsServer } from '../../src/proxy/health/server.ts'
import { openProxyMetrics, type ProxyMetrics } from '../../src/proxy/metrics/metrics.ts'
import { usualPlaces } from '../../src/proxy/operations.ts'
import { ask, localhost, machine, node, silent } from './proxy-health-machine.ts'

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
