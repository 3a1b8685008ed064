import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { pino } from 'pino'
import type { AnyObject } from '../api/json.ts'
import { Store } from '../api/store/store.ts'
import { address } from '../base/address.ts'
import { defaults, forwardDefaults } from './config/config.ts'
import { queryOf } from './testing/ask.ts'
import { asker } from './testing/asker.ts'
import { scripted } from './testing/forwarder.ts'
import { createService, here, localCluster, served } from './testing/served.ts'
import { framed } from './wire/frames.ts'

/** No connection ends by itself meanwhile. */
const patient = { ...defaults.limits, tcpIdle: 3600 }
const name = 'nosuch.default.svc.cluster.local'

test('other limits and another query log hold from the next connection and the next question on', async (t) => {
  const { promise: came, resolve: hear } = Promise.withResolvers<void>()
  const silent = await scripted(t, (query) => {
    if (query.questions[0]?.name === 'first.test') hear()
    return []
  })
  const lines: { by?: string; name?: string }[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const sockets: Socket[] = []
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  const forward = { ...forwardDefaults, to: [silent], timeout: 300 }
  const { dns, port, ask } = await served(t, localCluster(), { forward, limits: patient }, { log })
  const waiting = await asker(port)
  t.after(() => waiting.close())

  /** A connection that has had its answer. */
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.write(framed(queryOf(name, 'A')))
    await once(socket, 'data')
    return socket
  }
  const first = await open()
  await open()
  assert.equal(first.closed, false)
  const tcp = { tcpConnections: 2, tcpPerClient: 2 }
  assert.deepEqual(await dns.reconfigure({ ...dns.config, limits: { ...dns.config.limits, ...tcp } }), [])
  const gone = once(first.resume(), 'close', { signal: AbortSignal.timeout(5000) })
  await open()
  await gone

  await ask.summary(name)
  assert.equal(lines.filter((line) => line.name === name).length, 0)
  const limits = { ...dns.config.limits, inFlightPerClient: 1 }
  assert.deepEqual(await dns.reconfigure({ ...dns.config, queryLog: 'all', limits }), [])
  await ask.summary(name)
  assert.deepEqual(
    lines.filter((line) => line.name === name).map(({ by }) => by),
    ['cluster'],
  )
  const late = waiting.summary('first.test')
  await came
  assert.equal(await ask.summary('second.test'), 'SERVFAIL')
  assert.equal(silent.asked.includes('udp second.test'), false, 'it had no place')
  assert.equal(await late, 'SERVFAIL')
})

test('other hosts, and autopath where pods are followed, answer from the next question on', async (t) => {
  const store = new Store()
  const client = localCluster(store)
  await createService(client, 'web', '100.64.0.77')
  // Straight into the store: what a node's agent tells of it is not made here.
  const metadata = { name: 'asks', namespace: 'default' }
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] }, status: { podIP: here.address } }
  store.put('Pod', structuredClone(pod) as AnyObject)
  const { dns, ask } = await served(t, client, { pods: 'verified' })
  const searched = 'web.default.default.svc.cluster.local'
  assert.equal(await ask.summary('own.example'), 'REFUSED')
  assert.equal(await ask.summary(searched), 'NXDOMAIN ~SOA=cluster.local')
  for (const last of [1, 2]) {
    const entry = { address: address(`192.0.2.${last}`), names: ['own.example'] }
    assert.deepEqual(await dns.reconfigure({ ...dns.config, autopath: true, hosts: { entries: [entry], ttl: 30 } }), [])
    assert.equal(await ask.summary('own.example'), `NOERROR 192.0.2.${last}`)
    assert.equal(await ask.summary(searched), 'NOERROR 100.64.0.77 CNAME=web.default.svc.cluster.local')
  }
  const { hosts: _, ...without } = dns.config
  assert.deepEqual(await dns.reconfigure({ ...without, autopath: false }), [])
  assert.equal(await ask.summary('own.example'), 'REFUSED')
  assert.equal(await ask.summary(searched), 'NXDOMAIN ~SOA=cluster.local')
})
