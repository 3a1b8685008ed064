import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import fc from 'fast-check'
import { dictionary } from './dictionary.ts'
import { controlFrame, dataFrame, FrameReader, type, words } from './frames.ts'
import { HeaderReader, noHeaders } from './headers.ts'
import { Client, HeaderWriter } from './testing.ts'

test('the dictionary is that of SPDY/3', () => {
  let [a, b] = [1, 0] // Adler-32, RFC 1950
  for (const byte of dictionary) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  assert.equal(((b << 16) | a) >>> 0, 0xe3c6a7c2)
})

test('headers that refer to earlier ones are read, however many came before', async () => {
  const [writer, reader] = [new HeaderWriter(), new HeaderReader()]
  for (let number = 0; number < 2000; number++) {
    const headers = { streamtype: number % 2 ? 'data' : 'error', port: '8080', requestid: String(number >> 1) }
    assert.deepEqual(Object.fromEntries(reader.read(await writer.write(headers))), headers)
  }
})

test('the empty block is one that every zlib reader takes, first and later', () => {
  const reader = new HeaderReader()
  assert.equal(reader.read(noHeaders(true)).size, 0)
  assert.equal(reader.read(noHeaders(false)).size, 0)
})

test('frames arrive whole, in whatever pieces their bytes come', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant('ping' as const)), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 40 })),
      (list, cuts) => {
        const bytes = Buffer.concat(
          list.map((one) =>
            one === 'ping' ? controlFrame(type.ping, words(7)) : dataFrame(3, Buffer.from(one), true),
          ),
        )
        const got: string[] = []
        let part = ''
        const reader = new FrameReader({
          control: (kind) => got.push(`control ${kind}`),
          data(stream, bytesOf, last) {
            part += bytesOf.toString('hex')
            if (!last) return
            got.push(`data ${stream} ${part}`)
            part = ''
          },
        })
        let at = 0
        for (const cut of cuts) reader.push(bytes.subarray(at, (at += cut)))
        reader.push(bytes.subarray(at))
        assert.deepEqual(
          got,
          list.map((one) => (one === 'ping' ? 'control 6' : `data 3 ${Buffer.from(one).toString('hex')}`)),
        )
      },
    ),
  )
})

test('a stream carries both directions, each with its own end', async () => {
  const client = new Client().serve((stream) => {
    assert.equal(stream.headers.get('port'), '80')
    stream.on('data', (chunk: Buffer) => stream.write(chunk.toString().toUpperCase()))
    stream.on('end', () => stream.end('over'))
  })
  const id = await client.open({ port: '80' })
  await client.until('synReply 1')
  client.wire.write(dataFrame(id, Buffer.from('hello'), false))
  await client.until('data 1 HELLO')
  client.wire.write(dataFrame(id, Buffer.alloc(0), true))
  await client.until('data 1 .')
  assert.deepEqual(client.seen, ['synReply 1', 'data 1 HELLO', 'data 1 over', 'data 1 .'])
})

test('pings come back, a refused stream is reset, a reset one is gone', async () => {
  const client = new Client().serve((stream) => {
    if (stream.headers.get('streamtype') === 'bad') throw new TypeError('bad')
  })
  client.wire.write(controlFrame(type.ping, words(5)))
  await client.until('ping 5')
  await client.open({ streamtype: 'bad' })
  await client.until('reset 1')
  const id = await client.open({ streamtype: 'good' })
  await client.until('synReply 3')
  const closed = new Promise((resolve) => client.streams[0]?.once('close', resolve))
  client.wire.write(controlFrame(type.reset, words(id, 5)))
  await closed
  assert.deepEqual(client.seen, ['ping 5', 'reset 1', 'synReply 3'], 'nothing is said of what the client knows')
})

test('a stream that nobody reads stops the client, and all goes on when it is read', async () => {
  const client = new Client().serve()
  const id = await client.open({})
  await client.until('synReply 1')
  const chunk = Buffer.alloc(64 * 1024, 'x')
  let accepted = 0
  for (let number = 0; number < 100; number++) client.wire.write(dataFrame(id, chunk, number === 99), () => accepted++)
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  assert.ok(accepted < 20, `${accepted} frames of 100 were taken`)
  let read = 0
  const stream = client.streams[0] ?? assert.fail()
  stream.on('data', (part: Buffer) => (read += part.length))
  await once(stream, 'end')
  assert.equal(read, 100 * chunk.length)
})

test('who speaks something else, or opens streams backwards, is hung up on', async () => {
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'.padEnd(64, 'x')).fill(0x80, 0, 1),
    controlFrame(type.synStream, Buffer.concat([words(2, 0), Buffer.alloc(2), noHeaders(true)])),
    controlFrame(type.synStream, Buffer.concat([words(1, 0), Buffer.alloc(2), Buffer.from('not zlib')])),
    controlFrame(type.ping, words()).fill(0xff, 5, 8),
  ]) {
    const client = new Client().serve()
    client.wire.write(bytes)
    while (!client.seen.includes('closed')) await new Promise(setImmediate)
  }
})
