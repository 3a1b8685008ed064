import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { relay } from '../answer/relay.ts'
import { queryOf, read, summary } from '../testing/ask.ts'
import { asked } from '../testing/forwarder.ts'
import { record, replyTo } from '../testing/upstream.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import { flags, type Message, type ResourceRecord, types } from '../wire/message.ts'
import { readQuery } from '../wire/query.ts'
import { questionFor } from './question.ts'
import { type Reply, readReply } from './reply.ts'

const question = questionFor(asked('www.test'), true)
const query = decodeMessage(question) as Message
const alias: ResourceRecord = { name: 'www.test', class: 1, ttl: 50, type: 'CNAME', target: 'b.test' }
const opt: ResourceRecord = { name: '', class: 1232, ttl: 0, type: 'other', code: types.OPT, data: new Uint8Array() }

function soa(ttl: number, minimum: number): ResourceRecord {
  const rest = { mname: 'ns.test', rname: 'me.test', serial: 1, refresh: 2, retry: 3, expire: 4 }
  return { name: 'test', class: 1, ttl, type: 'SOA', ...rest, minimum }
}

test('how long an answer may be kept: the smallest TTL, and the rule of the SOA for what is not there', () => {
  const rows: [what: string, answers: ResourceRecord[], more: Partial<Message>, ttl: number, negative: boolean][] = [
    ['one record', [record('www.test', '192.0.2.1', 7)], {}, 7, false],
    ['the smallest', [alias, record('b.test', '192.0.2.1', 300)], {}, 50, false],
    ['no such name', [], { rcode: 3, authorities: [soa(900, 60)] }, 60, true],
    ['no such name, and the SOA is nearly over', [], { rcode: 3, authorities: [soa(4, 60)] }, 4, true],
    ['nothing of the type', [], { authorities: [soa(900, 60)] }, 60, true],
    ['an alias of nothing', [alias], { authorities: [soa(900, 60)] }, 50, true],
    ['an alias of no name', [alias], { rcode: 3, authorities: [soa(900, 20)] }, 20, true],
    ['an alias, and nothing said about the rest', [alias], {}, 50, true],
    ['nothing, and nobody says for how long', [], {}, 0, true],
    ['an SOA that is no word about absence', [], { additionals: [soa(900, 60)] }, 0, true],
    ['a TTL with its highest bit', [record('www.test', '192.0.2.1', 0xffffffff)], {}, 0, false],
  ]
  for (const [what, answers, more, ttl, negative] of rows) {
    const reply = replied(replyTo(query, answers, { ...more, additionals: [...(more.additionals ?? []), opt] }))
    assert.deepEqual([reply?.ttl, reply?.negative], [ttl, negative], what)
  }
})

test('the SOA of what is not there is passed on with the TTL that the rule gives it', () => {
  const reply = replied(replyTo(query, [], { rcode: 3, authorities: [soa(900, 60)] }))
  assert.equal(read(reply?.bytes ?? Buffer.alloc(0)).authorities[0]?.ttl, 60)
})

test('a server that spells the name in its own way is understood', () => {
  const [asked] = query.questions
  assert.ok(asked)
  const answers = [record('WWW.test', '192.0.2.1')]
  const reply = replied(replyTo(query, answers, { questions: [{ ...asked, name: 'WWW.tESt' }] }))
  const asker = readQuery(queryOf('wWw.TEST', 'A'))
  assert.ok(reply && asker && 'bytes' in asker)
  const { questions, answers: told } = read(relay(asker, reply, 512))
  assert.deepEqual([questions[0]?.name, told[0]?.name], ['wWw.TEST', 'wWw.TEST'])
  assert.equal(replied(replyTo(query, answers, { questions: [{ ...asked, name: 'WWW.tESt.org' }] })), undefined)
})

test('a header alone says that a server cannot, and nothing else', () => {
  const header = (word: number, more: Buffer = Buffer.alloc(8)): Buffer => {
    const out = Buffer.concat([question.subarray(0, 4), more])
    out.writeUInt16BE(flags.QR | word, 2)
    return out
  }
  const asker = readQuery(queryOf('wWw.TEST', 'A', { opt: { size: 512 } }))
  assert.ok(asker && 'bytes' in asker)
  for (const [rcode, name] of [
    [1, 'FORMERR'],
    [2, 'SERVFAIL'],
    [4, 'NOTIMP'],
    [5, 'REFUSED'],
  ] as const) {
    const reply = readReply(header(rcode), question)
    assert.ok(reply)
    assert.deepEqual([reply.rcode, reply.ttl, reply.negative], [rcode, 0, false])
    const told = read(relay(asker, reply, 512))
    assert.deepEqual([summary(told), told.questions[0]?.name], [name, 'wWw.TEST'])
  }
  for (const rcode of [0, 3]) assert.equal(readReply(header(rcode), question), undefined)
  assert.equal(
    readReply(header(1, Buffer.of(0, 0, 0, 1, 0, 0, 0, 0)), question),
    undefined,
    'an answer that is not there',
  )
  assert.equal(readReply(header(1), questionFor(asked('www.test'), true)), undefined, 'another id')
  assert.equal(readReply(Buffer.concat([header(1), Buffer.of(0)]), question), undefined)
})

test('the OPT record stays between the upstream and us, wherever it stands', () => {
  const a = record('ns.test', '192.0.2.9')
  for (const additionals of [[opt], [a, opt], [opt, a]]) {
    const reply = replied(replyTo(query, [record('www.test', '192.0.2.1')], { additionals }))
    assert.match(summary(read(reply?.bytes ?? Buffer.alloc(0))), /^NOERROR 192\.0\.2\.1( \+192\.0\.2\.9)?$/)
  }
  assert.equal(replied(replyTo(query, [], { additionals: [opt, opt] })), undefined)
  assert.equal(replied(replyTo(query, [], { authorities: [opt] })), undefined)
})

test('whatever bytes come, nothing breaks, and what is taken for an answer can be passed on', () => {
  const asker = readQuery(queryOf('WwW.test', 'A', { opt: { size: 4096 } }))
  assert.ok(asker && 'bytes' in asker)
  const records = [alias, record('b.test', '192.0.2.1'), record('b.test', '2001:db8::1'), soa(900, 60), opt]
  const some = fc.subarray(records)
  const message = fc.record({
    answers: some,
    authorities: some,
    additionals: some,
    rcode: fc.nat(15),
    word: fc.nat(0xffff),
  })
  const damage = fc.array(fc.record({ at: fc.nat(400), byte: fc.nat(255) }), { maxLength: 4 })
  let taken = 0
  fc.assert(
    fc.property(message, damage, fc.option(fc.nat(400)), ({ word, ...parts }, damages, cut) => {
      const whole = encodeMessage(replyTo(query, parts.answers, { ...parts, flags: (word & ~0x7800) | flags.QR }))
      for (const { at, byte } of damages) whole[Math.min(whole.length - 1, at)] = byte
      const reply = readReply(whole.subarray(0, cut ?? whole.length), question)
      if (!reply) return
      taken++
      for (const [age, limit] of [
        [0, 4096],
        [50, 512],
        [1000, 40],
      ] as const) {
        const out = relay(asker, { ...reply, age }, limit)
        assert.ok(out.length <= Math.max(limit, asker.end + 11))
        assert.equal(out.readUInt16BE(0), 0x1234)
        assert.equal(out.toString('latin1', 12, asker.end), asker.bytes.toString('latin1', 12, asker.end))
      }
    }),
    { numRuns: 3000 },
  )
  assert.ok(taken > 100, `${taken} were taken`)
})

function replied(message: Message): Reply | undefined {
  return readReply(encodeMessage(message), question)
}
