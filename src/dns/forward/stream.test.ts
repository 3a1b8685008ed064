import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import fc from 'fast-check'
import { type KeyPair, makeAuthority, makeServerCertificate } from '../../api/certificates/certificates.ts'
import { asked, forwarderTo } from '../testing/forwarder.ts'
import { type OnQuery, type StreamServer, streamServer } from '../testing/stream-server.ts'
import { record, replyTo } from '../testing/upstream.ts'
import { encodeMessage } from '../wire/codec.ts'
import { framed } from '../wire/frames.ts'
import type { Message } from '../wire/message.ts'
import { ForwardCounts, upstreamCounts } from './counts.ts'
import type { Forwarder } from './forward.ts'
import { questionFor } from './question.ts'
import type { Reply } from './reply.ts'
import { Stream } from './stream.ts'

test('questions over TCP share one connection, and answers come in any order', async (t) => {
  const held: (() => void)[] = []
  const server = await streamServer(t, (query, send) => {
    held.push(() => send(answerTo(query)))
    if (held.length === 20) for (const answer of held.toReversed()) answer()
  })
  const forward = forwarderTo([server.to], { forceTcp: true })
  const names = Array.from({ length: 20 }, (_, at) => `n${at}.test`)
  assert.deepEqual(await Promise.all(names.map((name) => addressOf(forward, name))), names.map(ipOf))
  assert.equal(server.connections, 1)
  await closed(forward, server)
})

test('a connection that the upstream has ended is made anew, also under a question', async (t) => {
  let ends = 0
  const server = await streamServer(t, (query, send, connection) => {
    if (query.questions[0]?.name === 'cut.test' && ends++ === 0) connection.destroy()
    else send(answerTo(query))
  })
  const forward = forwarderTo([server.to], { forceTcp: true })
  await addressOf(forward, 'a.test')
  assert.equal(await addressOf(forward, 'cut.test'), ipOf('cut.test'))
  assert.equal(server.connections, 2)
  for (const connection of server.open) {
    connection.end()
    await once(connection, 'close')
  }
  assert.equal(await addressOf(forward, 'b.test'), ipOf('b.test'))
  assert.equal(server.connections, 3)
  await closed(forward, server)
})

test('an upstream that ends every connection is given up after two', async (t) => {
  const server = await streamServer(t, (_query, _send, connection) => connection.destroy())
  const forward = forwarderTo([server.to], { forceTcp: true })
  await assert.rejects(async () => forward.ask(asked('a.test')), { code: 'Lost' })
  assert.equal(server.connections, 2)
})

test('a connection on which nothing comes any more is left', async (t) => {
  const server = await streamServer(t, (query, send) => {
    if (server.connections > 1) send(answerTo(query))
  })
  const forward = forwarderTo([server.to], { forceTcp: true, timeout: 1000 })
  assert.equal(await addressOf(forward, 'a.test'), ipOf('a.test'), 'by the second try')
  assert.equal(server.connections, 2)
  await closed(forward, server)
})

test('a late answer is not taken for that of another question, and the connection goes on', async (t) => {
  let late = (): void => {}
  const server = await streamServer(t, (query, send) => {
    if (query.questions[0]?.name === 'late.test') late = () => send(answerTo(query))
    else send(answerTo(query))
    if (query.questions[0]?.name === 'third.test') late()
  })
  const stream = new Stream(server.to, 'it', upstreamCounts(new ForwardCounts(), server.to))
  const ask = async (name: string, milliseconds: number): Promise<Reply> =>
    stream.ask(questionFor(asked(name), true), milliseconds)
  const lost = assert.rejects(ask('late.test', 100), { code: 'Timeout' })
  // Something comes after the late question was sent: the connection is alive.
  await ask('second.test', 1000)
  await lost
  await ask('third.test', 1000)
  const fourth = await ask('fourth.test', 1000)
  assert.equal(fourth.bytes.subarray(-4).join('.'), ipOf('fourth.test'))
  assert.equal(server.connections, 1)
  stream.close()
})

test('answers come whole however the stream is cut, and bytes that are no message end it', async (t) => {
  let cuts: readonly number[] = []
  let junk: Uint8Array | undefined
  const server = await streamServer(t, (query, _send, connection) => {
    const stranger = { ...answerTo(query), id: query.id ^ 1 }
    const frames = [stranger, stranger, answerTo(query)].map(encodeMessage).map(framed)
    const all = Buffer.concat(junk ? [framed(junk), ...frames] : frames)
    const borders = [0, ...cuts.map((cut) => cut % all.length).sort((a, b) => a - b), all.length]
    for (const [at, border] of borders.slice(1).entries()) connection.write(all.subarray(borders[at], border))
  })
  let at = 0
  const next = async (forward: Forwarder): Promise<string> => addressOf(forward, `n${at++}.test`)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(400), { maxLength: 12 }),
      fc.option(fc.uint8Array({ maxLength: 11 }), { nil: undefined }),
      async (where, bytes) => {
        ;[cuts, junk] = [where, bytes]
        const forward = forwarderTo([server.to], { forceTcp: true, timeout: 1000 })
        if (bytes) await assert.rejects(next(forward), { code: 'NoAnswer' })
        else {
          assert.equal(await next(forward), ipOf(`n${at - 1}.test`))
          assert.equal(await next(forward), ipOf(`n${at - 1}.test`))
        }
        forward.close()
      },
    ),
    { numRuns: 60 },
  )
})

test('over TLS the certificate has to be good and name the server', async (t) => {
  const authority = makeAuthority('test')
  trust(t, authority)
  const good = makeServerCertificate(authority, { name: 'dns' }, ['dns.test', '127.0.0.1'])
  const strangers = makeServerCertificate(makeAuthority('others'), { name: 'dns' }, ['dns.test'])
  const answer: OnQuery = (query, send) => send(answerTo(query))
  const server = await streamServer(t, answer, good)
  const stranger = await streamServer(t, answer, strangers)
  const over = (to: StreamServer, serverName: string): Forwarder =>
    forwarderTo([{ ...to.to, tls: { serverName } }], { timeout: 2000 })

  const forward = over(server, 'dns.test')
  assert.equal(await addressOf(forward, 'a.test'), ipOf('a.test'))
  assert.equal(await addressOf(forward, 'b.test'), ipOf('b.test'))
  assert.equal(server.connections, 1)
  await closed(forward, server)

  const byAddress = over(server, '127.0.0.1')
  assert.equal(await addressOf(byAddress, 'a.test'), ipOf('a.test'))
  await closed(byAddress, server)
  await assert.rejects(async () => over(server, 'other.test').ask(asked('a.test')), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
  await assert.rejects(async () => over(stranger, 'dns.test').ask(asked('a.test')), {
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  })
})

function trust(t: TestContext, { cert }: KeyPair): void {
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, cert])
  t.after(() => setDefaultCACertificates(before))
}

/** An address that belongs to the name alone. */
function ipOf(name: string): string {
  return `192.0.2.${Buffer.from(name).reduce((sum, byte) => (sum * 31 + byte) % 251, 0)}`
}

function answerTo(query: Message): Message {
  const name = query.questions[0]?.name ?? ''
  return replyTo(query, [record(name, ipOf(name))])
}

async function addressOf(forward: Forwarder, name: string): Promise<string> {
  const { reply } = await forward.ask(asked(name))
  return reply.bytes.subarray(-4).join('.')
}

/** A forwarder that is closed leaves nothing open. */
async function closed(forward: Forwarder, { open }: StreamServer): Promise<void> {
  const ends = [...open].map((socket) => once(socket, 'close'))
  forward.close()
  await Promise.all(ends)
}
