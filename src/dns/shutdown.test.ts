import assert from 'node:assert/strict'
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { connect } from '../api/client/http.ts'
import { testApi } from '../api/testing.ts'
import { queryOf } from './testing/ask.ts'
import { asker } from './testing/asker.ts'
import { dnsCommand } from './testing/command.ts'
import { createService } from './testing/served.ts'
import { framed } from './wire/frames.ts'

const name = 'web.default.svc.cluster.local'

for (const workers of [1, 2])
  test(`${workers === 1 ? 'a server that is told to end loses no question' : 'nor do several at one port'}: it says so, goes on for a while, and answers what has come`, async () => {
    await using api = await testApi()
    const client = connect(api.as('admin'))
    await createService(client, 'web', '100.64.0.77')
    client.close()
    using upstream = await heldUpstream()
    await using command = await dnsCommand({
      kubeconfig: api.kubeconfig,
      config: `
workers: ${workers}
listen: ["127.0.0.1:0"]
health: 127.0.0.1:0
ready: 127.0.0.1:0
metrics: 127.0.0.1:0
lameDuck: 1s
forward: {to: ["127.0.0.1:${upstream.port}"], timeout: 5s}
`,
    })
    const { ports, child } = command
    const get = async (path: 'health' | 'ready' | 'metrics'): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${ports[path]}/${path}`)
      return `${response.status} ${await response.text()}`
    }
    await command.line(({ msg }) => msg === 'the whole cluster is known')
    assert.equal(await get('ready'), '200 OK')

    const port = ports.dns[0] ?? 0
    const askers = await Promise.all([1, 2, 3, 4].map(() => askUntilRefused(port)))
    const slow = await asker(port)
    const outside = slow.summary('example.com')
    await upstream.asked
    const stream = await overTcp(port)

    child.kill('SIGTERM')
    while ((await get('ready')) !== '503 lameduck') assert.equal(await get('health'), '200 OK')
    assert.equal(await get('health'), '200 OK')
    assert.equal(await stream.ask(), 20)
    const answered = askers.map(({ count }) => count())
    for (const [at, { ended }] of askers.entries()) {
      assert.equal(await ended, 'ECONNREFUSED')
      assert.ok((askers[at]?.count() ?? 0) > (answered[at] ?? 0), 'questions were answered until the end')
    }
    const metrics = await get('metrics')
    assert.match(metrics, /^coredns_health_request_duration_seconds_count [1-9]/m)
    assert.match(metrics, /^coredns_health_request_failures_total 0$/m)
    assert.match(metrics, /^kubehop_dns_in_flight 1$/m)
    // Nobody listens any more, and what has come is answered still.
    upstream.release()
    assert.equal(await outside, 'NOERROR 192.0.2.7')
    assert.equal(await command.ended, 0)
    slow.close()
  })

/** One question after the other. Each must be answered, but the one that the kernel refuses in the end. */
async function askUntilRefused(port: number): Promise<{ count: () => number; ended: Promise<string> }> {
  const one = await asker(port)
  let count = 0
  const ask = async (): Promise<string> => {
    try {
      for (;;) {
        assert.equal(await one.summary(name), 'NOERROR 100.64.0.77')
        count++
      }
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error)
    } finally {
      one.close()
    }
  }
  return { count: () => count, ended: ask() }
}

/** Twenty questions at once on a connection; how many answers came before its end. */
async function overTcp(port: number): Promise<{ ask: () => Promise<number> }> {
  const socket = connectTcp(port, '127.0.0.1')
  await once(socket, 'connect')
  return {
    async ask() {
      const query = queryOf(name, 'A')
      socket.end(Buffer.concat(new Array<Buffer>(20).fill(framed(query))))
      let have: Buffer = Buffer.alloc(0)
      for await (const chunk of socket) have = Buffer.concat([have, chunk as Buffer])
      let count = 0
      for (let at = 0; at < have.length; at += 2 + have.readUInt16BE(at)) count++
      return count
    },
  }
}

/** A name server that keeps each question until it is told to answer. */
async function heldUpstream(): Promise<Disposable & { port: number; asked: Promise<void>; release(): void }> {
  const socket = createSocket('udp4')
  const asked = Promise.withResolvers<void>()
  const held: { bytes: Buffer; from: RemoteInfo }[] = []
  socket.on('message', (bytes, from) => {
    // The server asks for itself too, to see whether its questions come back to it.
    if (!bytes.includes('example')) {
      bytes.writeUInt16BE(0x8182, 2)
      return socket.send(bytes, from.port, from.address)
    }
    held.push({ bytes, from })
    asked.resolve()
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    port: socket.address().port,
    asked: asked.promise,
    release() {
      for (const { bytes, from } of held) {
        const record = Buffer.from('c00c00010001000000050004c0000207', 'hex')
        const question = bytes.subarray(0, bytes.indexOf(0, 12) + 5)
        const reply = Buffer.concat([question, record])
        reply.writeUInt16BE(0x8180, 2)
        reply.writeUInt16BE(1, 6)
        reply.writeUInt16BE(0, 10)
        socket.send(reply, from.port, from.address)
      }
    },
    [Symbol.dispose]: () => void socket.close(),
  }
}
