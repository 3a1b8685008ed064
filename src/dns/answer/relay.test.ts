import assert from 'node:assert/strict'
import { test } from 'node:test'
import { questionFor } from '../forward/question.ts'
import { type Reply, readReply } from '../forward/reply.ts'
import { type Asking, queryOf, read } from '../testing/ask.ts'
import { asked } from '../testing/forwarder.ts'
import { record, replyTo } from '../testing/upstream.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import { flags, type Message, type ResourceRecord } from '../wire/message.ts'
import { readQuery } from '../wire/query.ts'
import { relay } from './relay.ts'

const question = questionFor(asked('www.test'), true)
const query = decodeMessage(question) as Message

test('what is too long for the client is cut at a record; TC only when answers are missing', () => {
  const answers = Array.from({ length: 10 }, (_, at) => record('www.test', `192.0.2.${at}`))
  const authorities: ResourceRecord[] = [{ name: 'test', class: 1, ttl: 9, type: 'NS', target: 'ns.test' }]
  const reply = replied(replyTo(query, answers, { authorities, additionals: [record('ns.test', '192.0.2.99')] }))
  const whole = reply.bytes.length
  const sizes = (limit: number, asking: Asking = {}): string => {
    const message = relayed(reply, limit, asking)
    const { answers, authorities, additionals } = message
    const cut = message.flags & flags.TC ? ' TC' : ''
    return `${answers.length} ${authorities.length} ${additionals.length}${cut}`
  }
  assert.equal(sizes(whole), '10 1 1')
  assert.equal(sizes(whole - 1), '10 1 0', 'what is only additional is not missed')
  assert.equal(sizes(whole - 20), '10 0 0 TC')
  assert.equal(sizes(whole - 60), '8 0 0 TC')
  assert.equal(sizes(30), '0 0 0 TC')
  assert.equal(sizes(whole, { opt: { size: 4096 } }), '10 1 1', 'the OPT record takes room, too')
  assert.equal(sizes(whole + 11, { opt: { size: 4096 } }), '10 1 2')
})

test('addresses of one name come in a new order each time, with everything else in its place', () => {
  const alias: ResourceRecord = { name: 'www.test', class: 1, ttl: 50, type: 'CNAME', target: 'b.test' }
  const ips = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']
  const all = [alias, ...ips.map((ip) => record('b.test', ip)), record('c.test', '192.0.2.9')]
  const reply = replied(replyTo(query, all, { additionals: ips.map((ip) => record('d.test', ip)) }))
  const orders = new Set<string>()
  for (let at = 0; at < 400; at++) {
    const { answers, additionals } = relayed(reply, 4096)
    const told = answers.map((one) => ('address' in one ? one.address : one.type))
    assert.deepEqual([told[0], told[5], told.slice(1, 5).sort()], ['CNAME', '192.0.2.9', ips])
    assert.deepEqual(
      additionals.map((one) => 'address' in one && one.address),
      ips,
    )
    orders.add(told.join())
  }
  assert.equal(orders.size, 24)
})

test('the AD bit is for those who ask for signatures', () => {
  const reply = replied(replyTo(query, [record('www.test', '192.0.2.1')], { flags: flags.QR | flags.AD | flags.AA }))
  assert.equal(relayed(reply, 512).flags, flags.QR | flags.RD | flags.RA)
  assert.equal(
    relayed(reply, 512, { opt: { size: 512, dnssec: true }, flags: flags.CD }).flags,
    flags.QR | flags.RA | flags.AD | flags.CD,
  )
})

function replied(message: Message): Reply {
  const reply = readReply(encodeMessage(message), question)
  assert.ok(reply)
  return reply
}

function relayed(reply: Reply, limit: number, asking: Asking = {}): Message {
  const asker = readQuery(queryOf('www.test', 'A', asking))
  assert.ok(asker && 'bytes' in asker)
  const out = relay(asker, reply, limit)
  assert.ok(out.length <= Math.max(limit, asker.end + 11))
  return read(out)
}
