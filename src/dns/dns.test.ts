import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import type { Client } from '../api/client/client.ts'
import { address } from '../base/address.ts'
import { type DnsConfig, defaults } from './config/config.ts'
import { type Dns, startDns } from './dns.ts'
import { dnsManifests } from './manifests.ts'
import { queryOf, read, summary } from './testing/ask.ts'
import { here, localCluster } from './testing/served.ts'
import { readQuery } from './wire/query.ts'

const log = pino({ level: 'silent' })

test('a cluster is answered over UDP and TCP, and follows its objects', async (t) => {
  const { client, dns, port } = await started(t)
  await dns.synced
  const resolver = new Resolver({ timeout: 2000, tries: 1 })
  resolver.setServers([`127.0.0.1:${port}`])
  assert.deepEqual(await resolver.resolve4('kubernetes.default.svc.cluster.local'), ['100.64.0.1'])
  assert.deepEqual(await resolver.reverse('100.64.0.1'), ['kubernetes.default.svc.cluster.local'])
  await assert.rejects(resolver.resolve4('web.default.svc.cluster.local'), { code: 'ENOTFOUND' })

  const ports = [{ name: 'http', port: 80 }]
  await client.create('Service', {
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: 'None', ports },
  })
  await client.create('EndpointSlice', {
    metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [
      { addresses: ['100.96.1.2'], hostname: 'web-0', conditions: { ready: true } },
      { addresses: ['100.96.1.3'], conditions: { ready: true } },
    ],
    ports: [{ name: 'http', port: 8080 }],
  })
  await new Promise(setImmediate)
  assert.deepEqual((await resolver.resolve4('web.default.svc.cluster.local')).sort(), ['100.96.1.2', '100.96.1.3'])
  assert.deepEqual(await resolver.resolve4('web-0.web.default.svc.cluster.local'), ['100.96.1.2'])
  assert.deepEqual(
    (await resolver.resolveSrv('_http._tcp.web.default.svc.cluster.local')).map((one) => one.port),
    [8080, 8080],
  )
  assert.deepEqual(await resolver.resolveTxt('dns-version.cluster.local'), [['1.1.0']])
  assert.equal((await resolver.resolveSoa('cluster.local')).nsname, 'ns.dns.cluster.local')
  await client.delete('Service', 'web', 'default')
  await new Promise(setImmediate)
  await assert.rejects(resolver.resolve4('web.default.svc.cluster.local'), { code: 'ENOTFOUND' })
})

test('a TCP connection carries many questions, in pieces of any size, and its end is waited for', async (t) => {
  const { dns, port } = await started(t)
  await dns.synced
  const stream = Buffer.concat(
    Array.from({ length: 20 }, (_, id) => {
      const query = queryOf('kubernetes.default.svc.cluster.local', 'A', { id })
      return Buffer.concat([Buffer.from([0, query.length]), query])
    }),
  )
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  for (let at = 0; at < stream.length; at += 7) socket.write(stream.subarray(at, at + 7))
  socket.end()
  await once(socket, 'close')
  const all = Buffer.concat(chunks)
  const ids: number[] = []
  for (let at = 0; at < all.length; at += 2 + all.readUInt16BE(at)) {
    const message = read(all.subarray(at + 2, at + 2 + all.readUInt16BE(at)))
    assert.equal(summary(message), 'NOERROR 100.64.0.1')
    ids.push(message.id)
  }
  assert.deepEqual(
    ids,
    Array.from({ length: 20 }, (_, id) => id),
  )
})

test('no bytes end the server, and no answer is longer than its question allows', async (t) => {
  const { dns, port } = await started(t)
  await dns.synced
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const good = queryOf('kubernetes.default.svc.cluster.local', 'A', { opt: { size: 1232 } })
  const mutated = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 })
    .map((changes) => {
      const bytes = Buffer.from(good)
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    })
  const any = fc.uint8Array({ maxLength: 2000, size: 'max' }).map((bytes) => Buffer.from(bytes))
  const huge = [Buffer.alloc(65_507), Buffer.alloc(65_507, 0xff), Buffer.alloc(65_507, 0xc0), Buffer.alloc(65_507, 1)]
  const samples = [...huge, ...fc.sample(mutated, 400), ...fc.sample(any, 200)]
  let probe = 0
  for (const bytes of samples) {
    // One socket, answers in order: what comes before the answer to the probe is the answer to the bytes.
    const id = 60_000 + (probe++ % 5000)
    const replies: Buffer[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const listen = (reply: Buffer): void => {
      const probed = reply.length > 12 && reply.readUInt16BE(0) === id && reply.readUInt16BE(4) === 1
      if (probed && reply.includes('kubernetes')) resolve()
      else replies.push(reply)
    }
    socket.on('message', listen)
    socket.send(bytes)
    socket.send(queryOf('kubernetes.default.svc.cluster.local', 'A', { id }))
    await promise
    socket.off('message', listen)
    assert.ok(replies.length <= 1, bytes.toString('hex'))
    const query = readQuery(bytes)
    const limit = query && 'name' in query ? Math.max(512, query.opt?.size ?? 0) : 12
    assert.ok((replies[0]?.length ?? 0) <= limit, bytes.toString('hex'))
    if (replies[0]) read(replies[0])
  }
})

test('readiness is the whole cluster known, health is the process, and metrics count', async (t) => {
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { dns, port } = await started(t, {}, (client) => ({
    ...client,
    follow: (kind, options) => {
      const follower = client.follow(kind, options)
      return { ...follower, close: () => follower.close(), synced: Promise.all([follower.synced, held]).then(() => {}) }
    },
  }))
  const get = async (name: 'health' | 'ready' | 'metrics', path: string = name): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${dns.ports[name]}/${path}`)
    return [response.status, await response.text()]
  }
  assert.deepEqual(await get('health'), [200, 'OK'])
  assert.deepEqual(await get('ready'), [503, 'kubernetes (Service, Namespace, EndpointSlice)'])
  const name = 'kubernetes.default.svc.cluster.local'
  assert.equal(summary(read(await askUdp(port, queryOf(name, 'A')))), 'SERVFAIL')
  release()
  await dns.synced
  assert.deepEqual(await get('ready'), [200, 'OK'])
  assert.equal(summary(read(await askUdp(port, queryOf(name, 'A')))), 'NOERROR 100.64.0.1')
  const [status, text] = await get('metrics')
  assert.equal(status, 200)
  assert.match(
    text,
    /^coredns_dns_requests_total\{family="1",proto="udp",server="dns:\/\/:\d+",type="A",view="",zone="\."\} 2$/m,
  )
  assert.match(text, /^coredns_dns_responses_total\{.*rcode="SERVFAIL".*\} 1$/m)
  assert.match(text, /^coredns_dns_request_duration_seconds_count\{.*\} 2$/m)
  assert.equal((await get('health', 'other'))[0], 404)
  dns.retire()
  assert.equal((await get('ready'))[0], 503)
  assert.equal(summary(read(await askUdp(port, queryOf(name, 'A')))), 'NOERROR 100.64.0.1')
})

test('an address that cannot be had is an error that leaves nothing open', async (t) => {
  const { port } = await started(t)
  const client = localCluster()
  const start = (options: Partial<DnsConfig>): Promise<Dns> =>
    startDns({ client, config: { ...defaults, ...options }, log })
  await assert.rejects(
    start({
      listen: [here, { address: here.address, port }],
    }),
    { code: 'EADDRINUSE' },
  )
  await assert.rejects(start({ listen: [{ address: address('192.0.2.1'), port: 0 }] }), { code: 'EADDRNOTAVAIL' })
  await assert.rejects(start({ zone: 'not a name' }), { code: 'Invalid' })
})

test('another configuration is in force with the next question; what needs a restart is told', async (t) => {
  const { dns, port } = await started(t)
  await dns.synced
  const ask = async (name: string, type: 'A' | 'SOA' = 'A') => read(await askUdp(port, queryOf(name, type)))
  const name = 'kubernetes.default.svc.cluster.local'
  assert.equal((await ask(name)).answers[0]?.ttl, 30)
  assert.equal(summary(await ask('example.com')), 'REFUSED')
  assert.deepEqual(await dns.reconfigure({ ...dns.config, ttl: 7 }), [])
  assert.equal((await ask(name)).answers[0]?.ttl, 7)

  const before = dns.config
  const restart = await dns.reconfigure({
    ...before,
    ttl: 8,
    zone: 'other.zone',
    listen: [],
    workers: 2,
    pods: 'verified',
  })
  assert.deepEqual(restart, ['zone', 'listen', 'workers', 'pods'])
  assert.deepEqual(dns.config, { ...before, ttl: 8 })
  assert.equal((await ask(name)).answers[0]?.ttl, 8)
})

test("the cluster's own DNS is objects that the API takes", async () => {
  const client = localCluster()
  const [account, configMap, service, deployment] = dnsManifests({
    clusterIP: address('100.64.0.10'),
    zone: 'cluster.local',
    command: ['kubehop'],
  })
  await client.create('ServiceAccount', account)
  assert.equal((await client.create('Service', service)).spec.clusterIP, '100.64.0.10')
  const made = await client.create('Deployment', deployment)
  const { args, volumeMounts } = made.spec.template.spec.containers[0] ?? {}
  assert.deepEqual(args, ['dns', '--config', '/run/dns/dns.yaml', '--zone', 'cluster.local'])
  assert.deepEqual(volumeMounts, [{ name: 'config', mountPath: '/run/dns' }])
  const { data } = await client.create('ConfigMap', configMap)
  assert.deepEqual(Object.keys(data ?? {}), ['dns.yaml'])
})

async function started(
  t: TestContext,
  options: Partial<DnsConfig> = {},
  around: (client: Client) => Client = (client) => client,
): Promise<{ client: Client; dns: Dns; port: number }> {
  const client = localCluster()
  await client.create('Service', {
    metadata: { name: 'kubernetes', namespace: 'default' },
    spec: { clusterIP: '100.64.0.1', ports: [{ name: 'https', port: 443 }] },
  })
  const dns = await startDns({
    client: around(client),
    config: { ...defaults, listen: [here], health: here, ready: here, metrics: here, ...options },
    log,
  })
  t.after(async () => {
    await dns.close()
    client.close()
  })
  return { client, dns, port: dns.ports.dns[0] ?? 0 }
}

async function askUdp(port: number, query: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4')
  socket.send(query, port, '127.0.0.1')
  const [reply] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return reply
}
