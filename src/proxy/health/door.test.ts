import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { type Door, openDoor } from './door.ts'

/** A door behind a port of the loopback. */
async function serve(door: Door) {
  const ended = Promise.withResolvers<void>()
  const server = createServer((socket) => {
    socket.once('close', () => ended.resolve())
    door.take(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    /** The first connection, on this side. */
    ended: ended.promise,
    connect: () => connect(port, '127.0.0.1').on('error', () => {}),
    async [Symbol.asyncDispose]() {
      door.close()
      server.close()
      await once(server, 'close')
    },
  }
}

test('who sends byte after byte has no more time than others', async () => {
  await using server = await serve(openDoor((_, response) => response.end('in'), { most: 10, patience: 300 }))
  const slow = server.connect().resume()
  slow.write('GET / HTTP/1.1\r\nx: ')
  // Each byte would begin an idle timeout anew.
  const drip = setInterval(() => slow.write('y'), 20)
  const began = performance.now()
  const ended = Promise.withResolvers<void>()
  // A byte that nobody reads any more is answered by a reset: an end as good as any.
  slow.on('error', () => {}).once('close', () => ended.resolve())
  await ended.promise
  clearInterval(drip)
  assert.ok(performance.now() - began > 250)
})

test('who does not read the answer is sent away', async () => {
  const large = Buffer.alloc(32 * 1024 * 1024)
  await using server = await serve(openDoor((_, response) => response.end(large), { most: 10, patience: 300 }))
  const deaf = server.connect()
  deaf.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(deaf, 'readable')
  await server.ended
  let size = 0
  for await (const chunk of deaf) size += (chunk as Buffer).length
  assert.ok(size < large.length)
})

test('a connection has one answer, and then ends', async () => {
  let asked = 0
  await using server = await serve(
    openDoor((_, response) => response.end(`answer ${++asked}`), { most: 10, patience: 5000 }),
  )
  const eager = server.connect()
  eager.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(5))
  const text = (await eager.setEncoding('utf8').toArray()).join('')
  assert.match(text, /answer 1/)
  assert.equal(asked, 1)
})
