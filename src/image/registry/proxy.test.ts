import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { makeAuthority, makeServerCertificate } from '../../api/certificates/certificates.ts'
import { serveRegistry } from '../testing/registry.ts'
import { world } from '../testing/store.ts'
import { tar } from '../testing/tar.ts'

const layer = tar([{ path: 'a', body: 'a' }])
const authority = makeAuthority('test')
const tls = makeServerCertificate(authority, { name: 'registry' }, ['registry.invalid'])

test("registries are reached through the environment's proxy, with their own certificates", async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t, { tls })
  const port = registry.host.split(':')[1]
  registry.push('web:1', [layer])
  const asked = await proxy(t, (head, socket) => {
    const to = connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(to).pipe(socket)
    })
    to.on('error', () => socket.destroy())
    socket.on('error', () => to.destroy()).write(head)
  })
  // Only the proxy knows where that is.
  const name = `registry.invalid:${port}/web:1`
  await assert.rejects(store.pull(name), { code: 'BadCertificate' })
  await store.pull(name, { authorities: [authority.cert] })
  assert.equal(store.list().length, 1)
  assert.deepEqual([...new Set(asked)], [`registry.invalid:${port}`])
  process.env['NO_PROXY'] = 'registry.invalid'
  await assert.rejects(store.pull(name), { code: 'NoHost' })
})

test('this machine is not asked for at a proxy', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  registry.push('web:1', [layer])
  const asked = await proxy(t, (_, socket) => socket.destroy())
  await store.pull(`${registry.host}/web:1`)
  assert.deepEqual(asked, [])
})

test('a proxy that says nothing is given up', async (t) => {
  const { store } = world(t)
  await proxy(t, () => undefined)
  const pull = store.pull('registry.invalid/web:1', { limits: { connectMs: 200 } })
  await assert.rejects(pull, { code: 'TooSlow', message: /registry.invalid takes no request within 0.2 s/ })
})

/** A proxy that is in the environment while the test runs, and the hosts that it was asked for. */
async function proxy(t: TestContext, answer: (head: Buffer, socket: Socket) => void): Promise<string[]> {
  const asked: string[] = []
  const server = createServer().listen(0, '127.0.0.1')
  server.on('connect', ({ url = '' }: IncomingMessage, socket: Socket, head: Buffer) => {
    t.after(() => socket.destroy())
    asked.push(url)
    answer(head, socket)
  })
  await once(server, 'listening')
  const before = { ...process.env }
  process.env['HTTPS_PROXY'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  delete process.env['NO_PROXY']
  delete process.env['no_proxy']
  t.after(() => {
    process.env = before
    server.close()
  })
  return asked
}
