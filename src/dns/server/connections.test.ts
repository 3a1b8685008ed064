import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaults } from '../config/config.ts'
import { Client, echo, Held, question, started } from '../testing/tcp.ts'
import { framed } from '../wire/frames.ts'

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
