import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../testing/fuzz/random.ts'
import { Client, echo, Held, question, started } from '../testing/tcp.ts'
import { framed } from '../wire/frames.ts'

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
