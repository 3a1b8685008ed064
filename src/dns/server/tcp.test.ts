import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { defaults } from '../config/config.ts'
import { Connections, type TcpLimits } from './connections.ts'
import { Frames } from '../wire/frames.ts'
import { Random } from '../testing/fuzz/random.ts'
import type { Serve } from './serve.ts'
import { serveTcp, type TcpServer } from './tcp.ts'

const log = pino({ level: 'silent' })
/** Says what it is asked. */
const echo: Serve = (bytes, _, answer) => answer(bytes)

test('a stream is the same messages however it is cut', () => {
  const messages = [0, 1, 2, 12, 300, 65_535, 0, 40].map((length, at) => Buffer.alloc(length, at + 1))
  const stream = Buffer.concat(messages.map(framed))
  for (const size of [1, 2, 3, 7, 1000, 65_536, stream.length]) {
    const frames = new Frames()
    const came: Buffer[] = []
    for (let at = 0; at < stream.length; at += size) {
      frames.push(Buffer.from(stream.subarray(at, at + size)))
      for (let message = frames.next(); message; message = frames.next()) came.push(message)
    }
    assert.deepEqual(came, messages, `${size} bytes at a time`)
    assert.ok(frames.empty)
  }
})

test('questions on one connection are answered as soon as each is ready', async (t) => {
  const held = new Held()
  const { port } = await started(t, held.serve)
  const client = await Client.to(t, port)
  client.ask(1, 2, 3)
  await held.came(3)
  held.answer(2)
  assert.equal(await client.next(), 2)
  held.answer(3)
  held.answer(1)
  assert.deepEqual([await client.next(), await client.next()], [3, 1])
})

test('a client that has said everything still gets its answers', async (t) => {
  const held = new Held()
  const { port } = await started(t, held.serve)
  const client = await Client.to(t, port)
  client.ask(1, 2)
  client.socket.end(Buffer.from([0, 100, 1, 2, 3]))
  await held.came(2)
  held.answer(2)
  held.answer(1)
  assert.deepEqual([await client.next(), await client.next(), await client.next()], [2, 1, undefined])
})

test('so many questions of one connection are under way, and the rest is not lost', async (t) => {
  const held = new Held()
  const { port } = await started(t, held.serve)
  const client = await Client.to(t, port)
  const ids = Array.from({ length: 5000 }, (_, at) => at)
  client.ask(...ids)
  client.socket.end()
  await held.came(100)
  for (const id of ids) {
    assert.equal(held.asked.length, Math.min(100 + id, 5000))
    held.answer(id)
    assert.equal(await client.next(), id)
  }
  assert.equal(await client.next(), undefined)
})

test('a client that does not read is not read from, and not for ever', async (t) => {
  let served = 0
  const large = Buffer.alloc(60_000)
  const { port, connections } = await started(t, (bytes, asker, answer) => {
    served++
    bytes.copy(large, 0, 0, 2)
    echo(large, asker, answer)
  })
  const ids = Array.from({ length: 2000 }, (_, at) => at)
  const reader = await Client.to(t, port)
  reader.ask(...ids)
  reader.socket.end()
  for (const id of ids) assert.equal(await reader.next(), id)
  assert.equal(await reader.next(), undefined)

  served = 0
  connections.limits = { ...defaults.limits, tcpIdle: 0.3 }
  const { socket } = await Client.to(t, port)
  socket.pause()
  for (const id of ids) socket.write(framed(question(id)))
  while (connections.size > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.ok(served < ids.length / 2, `${served} answers were made for a client that took none`)
})

test('a message may be as long as its length can say', async (t) => {
  const { port } = await started(t, echo)
  const client = await Client.to(t, port)
  const whole = Buffer.alloc(65_535, 7)
  client.socket.write(framed(whole))
  assert.deepEqual(await client.nextBytes(), whole)
})

test('what is too short for a message ends the connection, behind the answers to what came before', async (t) => {
  for (const length of [0, 1, 11]) {
    const held = new Held()
    const { port } = await started(t, held.serve)
    const client = await Client.to(t, port)
    client.ask(1)
    client.socket.write(framed(Buffer.alloc(length)))
    client.ask(2)
    await held.came(1)
    held.answer(1)
    assert.deepEqual([await client.next(), await client.next()], [1, undefined])
    assert.equal(held.asked.length, 1)
  }
})

test('the time for one message is not renewed by each of its bytes', async (t) => {
  const { port } = await started(t, echo, { tcpIdle: 0.3 })
  const client = await Client.to(t, port)
  const begun = performance.now()
  const bytes = framed(Buffer.alloc(1000))
  let at = 0
  const timer = setInterval(() => client.socket.write(bytes.subarray(at, ++at)), 30)
  assert.equal(await client.next(), undefined)
  clearInterval(timer)
  const took = performance.now() - begun
  assert.ok(took >= 290 && at < 100, `ended after ${took} ms and ${at} bytes`)
})

test('a quiet connection ends, one that waits for its answer does not', async (t) => {
  const held = new Held()
  const { port } = await started(t, held.serve, { tcpIdle: 0.2 })
  const [quiet, waiting] = [await Client.to(t, port), await Client.to(t, port)]
  waiting.ask(1)
  assert.equal(await quiet.next(), undefined)
  const later = await Client.to(t, port)
  assert.equal(await later.next(), undefined)
  held.answer(1)
  assert.deepEqual([await waiting.next(), await waiting.next()], [1, undefined])
})

test('the connection that has been idle longest makes room for a new one', async (t) => {
  const held = new Held()
  const { port, connections } = await started(t, held.serve, { tcpConnections: 3 })
  const [busy, older, newer] = [await Client.to(t, port), await Client.to(t, port), await Client.to(t, port)]
  busy.ask(1)
  await held.came(1)
  newer.ask(2)
  await held.came(2)
  held.answer(2)
  older.ask(3)
  await held.came(3)
  held.answer(3)
  assert.deepEqual([await newer.next(), await older.next()], [2, 3])
  const next = await Client.to(t, port)
  assert.equal(await newer.next(), undefined, 'it asked before the other one')
  next.ask(4)
  older.ask(5)
  await held.came(5)
  const refused = await Client.to(t, port)
  assert.equal(await refused.next(), undefined, 'all others have questions under way')
  for (const id of [1, 4, 5]) held.answer(id)
  assert.deepEqual([await busy.next(), await next.next(), await older.next()], [1, 4, 5])
  assert.deepEqual([connections.size, connections.ended], [3, 2])
})

test("one client's connections push out its own, not another client's", async (t) => {
  const { port, connections } = await started(t, echo, { tcpConnections: 10, tcpPerClient: 2 })
  const other = await Client.to(t, port, '127.0.0.2')
  const first = await Client.to(t, port)
  const second = await Client.to(t, port)
  const third = await Client.to(t, port)
  assert.equal(await first.next(), undefined)
  for (const one of [other, second, third]) {
    one.ask(7)
    assert.equal(await one.next(), 7)
  }
  assert.deepEqual([connections.size, connections.ended], [3, 1])
})

test('a stop lets the answers under way out, takes no more questions, and waits for nobody longer than it may', async (t) => {
  const held = new Held()
  const { port, server } = await started(t, held.serve)
  const [idle, waiting] = [await Client.to(t, port), await Client.to(t, port)]
  waiting.ask(1)
  await held.came(1)
  const closed = server.close(10_000)
  assert.equal(await idle.next(), undefined)
  waiting.ask(2)
  await assert.rejects(Client.to(t, port), { code: 'ECONNREFUSED' })
  held.answer(1)
  assert.deepEqual([await waiting.next(), await waiting.next()], [1, undefined])
  await closed
  assert.equal(held.asked.length, 1)

  const another = await started(t, held.serve)
  const left = await Client.to(t, another.port)
  left.ask(3)
  await held.came(2)
  await another.server.close(50)
  assert.equal(await left.next(), undefined)
})

test('every question gets its one answer, whenever it is ready, however long it is and however slowly it is read', async (t) => {
  const random = new Random(5)
  const { port } = await started(t, (bytes, _, answer) => {
    const id = bytes.readUInt16BE(0)
    const say = (): void => answer(Buffer.alloc(lengthOf(id), bytes.subarray(0, 2)))
    const when = random.below(8)
    if (when < 4) say()
    else if (when < 6) setImmediate(say)
    else if (when < 7) queueMicrotask(say)
    else setTimeout(say, random.below(4))
  })
  for (let run = 0; run < 20; run++) {
    const client = await Client.to(t, port)
    const count = 1 + random.below(run < 10 ? 2000 : 200)
    const stream = Buffer.concat(Array.from({ length: count }, (_, id) => framed(question(id))))
    const missing = new Set(Array.from({ length: count }, (_, id) => id))
    const sent = (async () => {
      for (let at = 0; at < stream.length; ) {
        const next = at + 1 + random.below(random.once(2) ? 40 : 20_000)
        client.socket.write(stream.subarray(at, next))
        at = next
        if (random.once(3)) await new Promise(setImmediate)
      }
      client.socket.end()
    })()
    for (let answer = await client.nextBytes(); answer; answer = await client.nextBytes()) {
      const id = answer.readUInt16BE(0)
      assert.equal(answer.length, lengthOf(id))
      assert.ok(missing.delete(id), `answer ${id} came twice`)
      if (random.once(50)) await new Promise((resolve) => setTimeout(resolve, 2))
    }
    assert.deepEqual([...missing], [])
    await sent
  }
  function lengthOf(id: number): number {
    return id % 7 === 0 ? 20_000 : 12 + (id % 50)
  }
})

/** Answers only when it is told to. */
class Held {
  readonly asked: number[] = []
  readonly #answers = new Map<number, () => void>()
  #waiting: { count: number; resolve: () => void } | undefined

  readonly serve: Serve = (bytes, _, answer) => {
    const id = bytes.readUInt16BE(0)
    this.asked.push(id)
    this.#answers.set(id, () => answer(bytes))
    if (this.asked.length === this.#waiting?.count) this.#waiting.resolve()
  }

  async came(count: number): Promise<void> {
    if (this.asked.length >= count) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting = { count, resolve }
    await promise
  }

  answer(id: number): void {
    this.#answers.get(id)?.()
  }
}

class Client {
  readonly socket: Socket
  readonly #frames = new Frames()
  readonly #chunks: AsyncIterator<Buffer>

  private constructor(socket: Socket) {
    this.socket = socket
    this.#chunks = socket.iterator({ destroyOnReturn: false })
    // A reset is one way to be ended.
    socket.on('error', () => {})
  }

  static async to(t: TestContext, port: number, localAddress = '127.0.0.1'): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: false })
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    return new Client(socket)
  }

  ask(...ids: number[]): void {
    this.socket.write(Buffer.concat(ids.map((id) => framed(question(id)))))
  }

  /** The id of the next answer; undefined at the connection's end. */
  async next(): Promise<number | undefined> {
    return (await this.nextBytes())?.readUInt16BE(0)
  }

  async nextBytes(): Promise<Buffer | undefined> {
    for (;;) {
      const message = this.#frames.next()
      if (message) return message
      const chunk = await this.#chunks.next().catch(() => ({ done: true, value: undefined }))
      if (chunk.done === true || !chunk.value) return undefined
      this.#frames.push(chunk.value)
    }
  }
}

function question(id: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16BE(id, 0)
  return bytes
}

function framed(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message])
}

async function started(
  t: TestContext,
  serve: Serve,
  limits: Partial<TcpLimits> = {},
): Promise<{ server: TcpServer; port: number; connections: Connections }> {
  const connections = new Connections({ ...defaults.limits, ...limits })
  const server = await serveTcp({ address: '127.0.0.1', port: 0 }, serve, log, connections)
  t.after(() => server.close(0))
  return { server, port: server.port, connections }
}
