import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { before, type TestContext, test } from 'node:test'
import { type Address, address } from '../../src/base/address.ts'
import { longestDatagram, openDatagrams, type Peer } from '../../src/kernel/datagrams.ts'
import { createNetns } from '../../src/kernel/netns.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { watchedCount } from '../../src/kernel/reactor.ts'
import { bindUdp } from '../../src/kernel/socket.ts'
import { write } from './packet-bytes.ts'
import { sendRaw } from './raw-socket.ts'

const loopback = address('127.0.0.1')

before(() => {
  using routes = openRouteSocket()
  routes.apply(setLink('lo', { up: true }))
})

async function client(t: TestContext, port: number, to = '127.0.0.1'): Promise<Socket> {
  const socket = createSocket({ type: to.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 22 })
  t.after(() => socket.close())
  socket.connect(port, to)
  await once(socket, 'connect')
  return socket
}

for (const host of ['127.0.0.1', '::1'])
  test(`${host}: each of many clients gets the answers to its own datagrams`, async (t) => {
    using server = openDatagrams({
      at: { address: address(host), port: 0 },
      onDatagram: (bytes, peer) => (bytes[0] === 0x21 ? undefined : Buffer.from(`${bytes.toString()} ${peer.port}`)),
    })
    const clients = await Promise.all(Array.from({ length: 10 }, () => client(t, server.port, host)))
    await Promise.all(
      clients.map(async (one, i) => {
        const own = one.address().port
        const wanted = new Set<string>()
        const all = Promise.withResolvers<void>()
        one.on('message', (answer) => {
          assert.ok(wanted.delete(answer.toString()), answer.toString())
          if (wanted.size === 0) all.resolve()
        })
        for (let n = 0; n < 100; n++) {
          // Every seventh one gets no answer: those of its neighbours come all the same.
          const text = `${n % 7 === 0 ? '!' : ''}${i}-${n}`
          if (n % 7 !== 0) wanted.add(`${text} ${own}`)
          one.send(text)
        }
        await all.promise
      }),
    )
  })

for (const host of ['127.0.0.1', '0.0.0.0', '::1', '::'])
  test(`${host}: a socket that refuses answers what has come, and who sends then is told that nobody listens`, async (t) => {
    using server = openDatagrams({
      at: { address: address(host), port: 0 },
      onDatagram: (bytes) => Buffer.from(bytes),
    })
    const to = host.includes(':') ? '::1' : '127.0.0.1'
    const [one, other] = [await client(t, server.port, to), await client(t, server.port, to)]
    const answers: string[] = []
    const all = Promise.withResolvers<void>()
    one.on('message', (answer) => {
      answers.push(String(answer))
      if (answers.length === 3) all.resolve()
    })
    // Nothing is read before this turn of the event loop is over: they wait in the socket.
    for (const text of ['a', 'b', 'c']) one.send(text)
    server.refuse()
    other.send('after')
    const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException]
    assert.equal(error.code, 'ECONNREFUSED')
    await all.promise
    assert.deepEqual(answers, ['a', 'b', 'c'])
  })

test('a socket in a network where nothing is up refuses, and can be closed', () => {
  using ns = createNetns()
  using server = openDatagrams({ ns, at: { address: address('0.0.0.0'), port: 0 }, onDatagram: () => undefined })
  server.refuse()
  server.close()
  server.refuse()
})

test('a late answer finds its peer, whoever has asked meanwhile', async (t) => {
  const waiting: { text: string; peer: Peer }[] = []
  using server = openDatagrams({
    at: { address: loopback, port: 0 },
    onDatagram(bytes, peer) {
      waiting.push({ text: bytes.toString(), peer })
      if (waiting.length === 20)
        setImmediate(() => {
          for (const { text, peer } of waiting.reverse()) assert.ok(server.send(Buffer.from(`late ${text}`), peer))
        })
      return undefined
    },
  })
  const clients = await Promise.all(Array.from({ length: 20 }, () => client(t, server.port)))
  const answers = clients.map((one) => once(one, 'message'))
  for (const [i, one] of clients.entries()) one.send(String(i))
  for (const [i, [bytes]] of (await Promise.all(answers)).entries()) assert.equal(String(bytes), `late ${i}`)
  assert.deepEqual(
    waiting.map(({ peer }) => [peer.family, peer.address(), peer.port]),
    clients.map((one) => [4, '127.0.0.1', one.address().port]).reverse(),
  )
})

test('a socket of all addresses answers from the one that was asked', async (t) => {
  using ns = createNetns()
  using routes = openRouteSocket(ns)
  const index = routes.link('lo')?.index ?? assert.fail()
  const more = ['10.9.0.1', '10.9.0.2', 'fd00::1', 'fd00::2'].map(address)
  routes.apply(
    setLink('lo', { up: true }),
    ...more.map((own) => addAddress({ index, address: own, prefix: own.includes(':') ? 128 : 32 })),
  )
  for (const family of [4, 6]) {
    const late: [Buffer, Peer][] = []
    using server = openDatagrams({
      ns,
      at: { address: address(family === 4 ? '0.0.0.0' : '::'), port: 0 },
      onDatagram(bytes, peer) {
        if (bytes.toString() === 'now') return bytes
        late.push([Buffer.from(bytes), peer])
        setImmediate(() => late.splice(0).forEach(([text, to]) => server.send(text, to)))
        return undefined
      },
    })
    for (const own of more.filter((one) => one.includes(':') === (family === 6)))
      for (const text of ['now', 'later']) {
        const from = await askFrom(t, ns, own, server.port, text)
        assert.equal(from, own)
      }
  }

  async function askFrom(
    of: TestContext,
    ns: Parameters<typeof bindUdp>[0],
    to: Address,
    port: number,
    text: string,
  ): Promise<string> {
    const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4')
    of.after(() => socket.close())
    socket.bind({ fd: bindUdp(ns, address(to.includes(':') ? '::' : '0.0.0.0'), 0) })
    const answered = once(socket, 'message')
    socket.send(text, port, to)
    // The kernel gives an IPv6 address its route a moment after the address itself, and what was sent in between is lost.
    const again = setInterval(() => socket.send(text, port, to), 50)
    const [bytes, { address: from }] = (await answered) as [Buffer, { address: string }]
    clearInterval(again)
    assert.equal(bytes.toString(), text)
    return from
  }
})

test('what was sent to everybody, or from no port, gets no answer', async (t) => {
  using ns = createNetns()
  using routes = openRouteSocket(ns)
  const index = routes.link('lo')?.index ?? assert.fail()
  const own = address('10.9.0.1')
  routes.apply(setLink('lo', { up: true }), addAddress({ index, address: own, prefix: 24 }))
  const asked: string[] = []
  using server = openDatagrams({
    ns,
    at: { address: address('0.0.0.0'), port: 0 },
    onDatagram(bytes) {
      asked.push(bytes.toString())
      return bytes
    },
  })
  const raw = sendRaw(ns)
  t.after(() => raw.close())
  const flight = { from: own, port: server.port, protocol: 'UDP', id: 1 } as const
  raw.send(write({ ...flight, to: own, sourcePort: 0 }), own)
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.bind({ fd: bindUdp(ns, own, 0) })
  socket.setBroadcast(true)
  for (const to of ['10.9.0.255', '127.255.255.255']) socket.send('all', server.port, to)
  const answered = once(socket, 'message')
  socket.send('you', server.port, own)
  assert.equal(String((await answered)[0]), 'you')
  assert.deepEqual(asked, ['you'])
})

test('an answer may be as long as a datagram can be', async (t) => {
  using server = openDatagrams({
    at: { address: loopback, port: 0 },
    onDatagram: (bytes) => Buffer.alloc(bytes.readUInt16BE(0), bytes.subarray(2)),
  })
  const one = await client(t, server.port)
  const lengths = [100, 4096, 4097, 65_507, 65_508, 7]
  const came: number[] = []
  for (const [i, length] of lengths.entries()) one.send(Buffer.of(length >> 8, length & 255, 65 + i))
  while (came.length < lengths.length - 1) {
    const [answer] = (await once(one, 'message')) as [Buffer]
    came.push(answer.length)
    assert.ok(answer.every((byte) => byte === 65 + lengths.indexOf(answer.length)))
  }
  assert.deepEqual(
    came.toSorted((a, b) => a - b),
    [7, 100, 4096, 4097, 65_507],
  )
})

test('what is too long comes cut, and clients that are gone disturb nobody', async (t) => {
  using server = openDatagrams({
    at: { address: loopback, port: 0 },
    onDatagram: (bytes) => Buffer.from(String(bytes.length)),
  })
  const gone = await client(t, server.port)
  const one = await client(t, server.port)
  for (let i = 0; i < 10; i++) {
    const leaves = createSocket('udp4')
    leaves.send('x', server.port, '127.0.0.1', () => leaves.close())
    await once(leaves, 'close')
  }
  gone.send(Buffer.alloc(0))
  assert.equal(String((await once(gone, 'message'))[0]), '0')
  one.send(Buffer.alloc(60_000))
  assert.equal(String((await once(one, 'message'))[0]), String(longestDatagram))
})

test('closed, also by its own callback, it leaves nothing behind', async (t) => {
  const before = watchedCount()
  const server = openDatagrams({
    at: { address: loopback, port: 0 },
    onDatagram(bytes) {
      server.close()
      return bytes
    },
  })
  const one = await client(t, server.port)
  const refused = once(one, 'error')
  one.send('x')
  while (watchedCount() > before) await new Promise((resolve) => setImmediate(resolve))
  one.send('y')
  await refused.catch(() => {})
  server.close()
  assert.throws(() => openDatagrams({ at: { address: address('192.0.2.1'), port: 0 }, onDatagram: () => undefined }), {
    code: 'EADDRNOTAVAIL',
  })
})
