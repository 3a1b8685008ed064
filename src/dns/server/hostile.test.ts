import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { address } from '../../base/address.ts'
import type { Handler } from '../handlers/handler.ts'
import { handlerList } from '../handlers/list.ts'
import { overTcp, overUdp, queryOf } from '../testing/ask.ts'
import { zoneOf } from '../testing/cluster.ts'
import { wrongWith } from '../testing/fuzz/check.ts'
import { expectedOf } from '../testing/fuzz/expected.ts'
import { anyMessage } from '../testing/fuzz/messages.ts'
import { wire } from '../testing/fuzz/names.ts'
import { Random } from '../testing/fuzz/random.ts'
import { fuzzSubject } from '../testing/fuzz/subject.ts'
import { flags } from '../wire/message.ts'
import { framed, Frames } from '../wire/frames.ts'
import { Metrics } from './metrics.ts'
import { Responder } from './responder.ts'
import { type Serve, serveWith } from './serve.ts'
import { serveTcp } from './tcp.ts'
import { serveUdp } from './udp.ts'

const log = pino({ level: 'silent' })
const name = ['svc1', 'testns', 'svc', 'cluster', 'local']
const good = wire(name)
const codes = { nothing: undefined, FORMERR: 1, NOTIMP: 4, REFUSED: 5 } as const

test('what is no question, or none for us, gets the code that the RFCs give it, and never more bytes than it has', () => {
  const x = (length: number): string => 'x'.repeat(length)
  const whole = wire([x(63), x(63), x(63), x(61)])
  const rows: [title: string, message: Buffer, expected: keyof typeof codes | 'an answer'][] = [
    ['a good one', asking(good), 'an answer'],
    ['the root', asking('\0'), 'REFUSED'],
    ['a label of 63 bytes', asking(wire([x(63), ...name])), 'an answer'],
    ['a label of 64 bytes', asking(wire([x(64), ...name])), 'FORMERR'],
    ['a label type that was taken back (RFC 6891 section 5)', asking(wire([x(65), ...name])), 'FORMERR'],
    ['a label of 128 bytes', asking(wire([x(128), ...name])), 'FORMERR'],
    ['a name of 255 bytes', asking(whole), 'REFUSED'],
    ['a name of 256 bytes', asking(wire([x(63), x(63), x(63), x(62)])), 'FORMERR'],
    ['a name of 128 labels', asking(wire(Array.from({ length: 128 }, () => 'x'))), 'FORMERR'],
    ['a name without an end', asking('\x03abc'), 'FORMERR'],
    ['a pointer for a name', asking('\xc0\x0c'), 'FORMERR'],
    ['a pointer to the header', asking('\xc0\0'), 'FORMERR'],
    ['a pointer behind a label', asking('\x04svc1\xc0\x0c'), 'FORMERR'],
    ['an empty label in the middle', asking(wire(['svc1', '', ...name.slice(1)])), 'FORMERR'],
    ['an empty label at the start', asking(`\0${good}`), 'FORMERR'],
    ['no question', asking(good, { questions: 0 }), 'FORMERR'],
    ['two questions', Buffer.concat([asking(good, { questions: 2 }), asking(good).subarray(12)]), 'FORMERR'],
    ['two questions, one of which is missing', asking(good, { questions: 2 }), 'FORMERR'],
    ['a zone transfer', asking(wire(['cluster', 'local']), { type: 252 }), 'REFUSED'],
    ['a zone transfer from a serial on', asking(wire(['cluster', 'local']), { type: 251 }), 'REFUSED'],
    ['an answer', asking(good, { word: flags.QR }), 'nothing'],
    ['an answer that nobody can read', asking('\xff', { word: flags.QR }), 'nothing'],
    ['an answer of another opcode', asking(good, { word: flags.QR | 0x2000 }), 'nothing'],
    ...[0, 2, 3, 4, 254, 255, 65_535].map((of): (typeof rows)[number] => [
      `class ${of}`,
      asking(good, { class: of }),
      'REFUSED',
    ]),
    ...Array.from({ length: 15 }, (_, at): (typeof rows)[number] => [
      `opcode ${at + 1}`,
      asking(good, { word: (at + 1) << 11 }),
      'NOTIMP',
    ]),
  ]
  const { responder } = fuzzSubject(new Random(1), false)
  for (const [title, message, expected] of rows)
    for (const asker of [overUdp, overTcp]) {
      const reply = responder.react(message, asker)
      assert.ok(!(reply instanceof Promise))
      assert.equal(wrongWith(message, asker.transport, reply), undefined, title)
      if (expected === 'an answer') assert.ok([0, 3].includes((reply?.[3] ?? 0) & 0xf), title)
      else {
        assert.equal(reply && (reply[3] ?? 0) & 0xf, codes[expected], title)
        assert.ok((reply?.length ?? 0) <= message.length, title)
      }
    }
})

test('an answer that had to wait is that to its own question', async () => {
  const zone = zoneOf()
  const list = handlerList({ zone, synced: () => true })
  // Says nothing, and not at once.
  const slow: Handler = { name: 'autopath', handle: () => Promise.resolve(undefined) }
  const server = new Responder({ ...list, handlers: [slow, ...list.handlers], log })
  const names = ['svc1', 'nosuch', 'hdls1', 'svcempty', 'external-in']
  const questions = names.map((of, id) => queryOf(`${of}.testns.svc.cluster.local`, 'A', { id }))
  const replies = questions.map(async (question) => {
    const message = Buffer.from(question)
    const reaction = server.react(message, overUdp)
    message.fill(0xee)
    // One that is there at once is overwritten by the next.
    return reaction instanceof Promise ? reaction : Buffer.from(reaction ?? [])
  })
  for (const [id, reply] of (await Promise.all(replies)).entries())
    assert.equal(wrongWith(questions[id] ?? Buffer.alloc(0), 'udp', reply), undefined, `question ${id}`)
})

test('any bytes over UDP get the one answer that they have to, or none', async (t) => {
  const udp = serveUdp({ address: address('127.0.0.1'), port: 0 }, hostile())
  t.after(() => udp.close())
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.connect(udp.port, '127.0.0.1')
  await once(socket, 'connect')
  const next = async (bytes: Buffer): Promise<Buffer> => {
    const reply = once(socket, 'message', { signal: AbortSignal.timeout(5000) })
    socket.send(bytes)
    return ((await reply) as [Buffer])[0]
  }
  const random = new Random(11)
  for (let at = 0; at < 3000; at++) {
    const message = Buffer.from(anyMessage(random).subarray(0, 4096))
    if (expectedOf(message).kind === 'nothing') socket.send(message)
    else assert.equal(wrongWith(message, 'udp', await next(message)), undefined, message.toString('hex'))
    // Were there an answer to what gets none, or a second one, it would come before this.
    const probe = queryOf('ns.dns.cluster.local', 'A', { id: at })
    assert.equal((await next(probe)).compare(probe, 12, probe.length, 12, probe.length), 0, message.toString('hex'))
  }
  for (const length of [0, 1, 4095, 4096, 4097, 9000, 65_507])
    for (const fill of [0, 1, 0x3f, 0x40, 0xc0]) {
      socket.send(Buffer.alloc(length, fill))
      const probe = queryOf('ns.dns.cluster.local', 'A', { id: 7777 })
      let reply = await next(probe)
      if (reply.readUInt16BE(0) === 7777) continue
      assert.equal(reply.length, 12, 'longer messages than anybody asks with are cut, and cannot be read')
      ;[reply] = (await once(socket, 'message')) as [Buffer]
      assert.equal(reply.readUInt16BE(0), 7777)
    }
})

test('any stream over TCP, cut anywhere, gets the answers to what came whole, and ends', async (t) => {
  const tcp = await serveTcp({ address: '127.0.0.1', port: 0 }, hostile(), log)
  t.after(() => tcp.close(0))
  const random = new Random(12)
  for (let at = 0; at < 200; at++) {
    const messages = Array.from({ length: random.below(30) }, () => Buffer.from(anyMessage(random)))
    const short = messages.findIndex((message) => message.length < 12)
    const asked = short < 0 ? messages : messages.slice(0, short)
    const expected = asked.filter((message) => expectedOf(message).kind !== 'nothing')
    const rest = Buffer.alloc(random.below(40))
    random.fill(rest, 0, rest.length)
    // Longer than what follows: it never comes whole.
    const tail = Buffer.concat([Buffer.from([0xff, 0xff]), rest]).subarray(0, random.below(rest.length + 2))
    const replies = await exchange(t, tcp.port, Buffer.concat([...messages.map(framed), tail]), random)
    assert.equal(replies.length, expected.length)
    for (const message of expected) {
      // In any order: an alias takes its time.
      const at = replies.findIndex((reply) => wrongWith(message, 'tcp', reply) === undefined)
      assert.ok(at >= 0, message.toString('hex'))
      replies.splice(at, 1)
    }
  }
  for (let at = 0; at < 100; at++) {
    const noise = Buffer.alloc(random.below(5000))
    random.fill(noise, 0, noise.length)
    await exchange(t, tcp.port, noise, random)
  }
})

interface Asked {
  word?: number
  questions?: number
  type?: number
  class?: number
}

function asking(of: string, { word = flags.RD, questions = 1, type = 1, class: klass = 1 }: Asked = {}): Buffer {
  const bytes = Buffer.alloc(12 + of.length + 4)
  bytes.writeUInt16BE(0x1234, 0)
  bytes.writeUInt16BE(word, 2)
  bytes.writeUInt16BE(questions, 4)
  bytes.write(of, 12, 'latin1')
  bytes.writeUInt16BE(type, 12 + of.length)
  bytes.writeUInt16BE(klass, 14 + of.length)
  return bytes
}

function hostile(): Serve {
  return serveWith(fuzzSubject(new Random(2), false).responder, new Metrics(), log)
}

/** Everything that comes back until the server ends. */
async function exchange(t: TestContext, port: number, stream: Buffer, random: Random): Promise<Buffer[]> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  t.after(() => socket.destroy())
  const frames = new Frames()
  const replies: Buffer[] = []
  socket.on('data', (chunk: Buffer) => {
    frames.push(chunk)
    for (let reply = frames.next(); reply; reply = frames.next()) replies.push(reply)
  })
  const closed = once(socket, 'close')
  await once(socket, 'connect')
  for (let at = 0; at < stream.length; ) {
    const next = at + 1 + random.below(random.once(2) ? 20 : 4000)
    if (!socket.write(stream.subarray(at, next))) await Promise.race([once(socket, 'drain'), closed])
    at = next
  }
  socket.end()
  await closed
  assert.ok(frames.empty, 'half an answer')
  return replies
}
