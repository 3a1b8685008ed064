import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { pino } from 'pino'
import { localClient } from '../api/client/local.ts'
import { bootstrap } from '../api/registry/bootstrap.ts'
import { Registry } from '../api/registry/registry.ts'
import { Store } from '../api/store/store.ts'
import { address } from '../base/address.ts'
import { defaults, forwardDefaults } from './config/config.ts'
import { startDns } from './dns.ts'
import { queryOf } from './testing/ask.ts'
import { asker } from './testing/asker.ts'
import { scripted } from './testing/forwarder.ts'
import { framed } from './testing/tcp.ts'

const local = address('127.0.0.1')
const name = 'nosuch.default.svc.cluster.local'

test('other limits and another query log hold from the next connection and the next question on', async (t) => {
  const { promise: came, resolve: hear } = Promise.withResolvers<void>()
  const silent = await scripted(t, (query) => {
    if (query.questions[0]?.name === 'first.test') hear()
    return []
  })
  const lines: { by?: string; name?: string }[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const registry = new Registry({ store: new Store(), serviceCidr: '100.64.0.0/13' })
  bootstrap(registry)
  const client = localClient({ registry })
  const forward = { ...forwardDefaults, to: [silent], timeout: 300 }
  const dns = await startDns({ client, config: { ...defaults, listen: [{ address: local, port: 0 }], forward }, log })
  const port = dns.ports.dns[0] ?? 0
  const ask = await asker(port)
  const waiting = await asker(port)
  const sockets: Socket[] = []
  t.after(async () => {
    for (const one of [ask, waiting]) one.close()
    for (const socket of sockets) socket.destroy()
    await dns.close()
    client.close()
  })
  await dns.synced

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
  const gone = once(first.resume(), 'close')
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
