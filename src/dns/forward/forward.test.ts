import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UpstreamConfig } from '../config/config.ts'
import { handlerList } from '../handlers/list.ts'
import { Responder } from '../server/responder.ts'
import { type Asking, overUdp, queryOf, read, summary } from '../testing/ask.ts'
import { zoneOf } from '../testing/cluster.ts'
import { forwarderTo, scripted, silent } from '../testing/forwarder.ts'
import { record, replyTo } from '../testing/upstream.ts'
import { encodeMessage } from '../wire/codec.ts'
import { flags, type Message, type ResourceRecord, types } from '../wire/message.ts'

const soa: ResourceRecord = {
  name: 'test',
  class: 1,
  ttl: 900,
  type: 'SOA',
  mname: 'ns.test',
  rname: 'me.test',
  serial: 1,
  refresh: 2,
  retry: 3,
  expire: 4,
  minimum: 3,
}

test('names outside the cluster are asked upstream once, and come back in the spelling of each question', async (t) => {
  const upstream = await scripted(t, (query) => [replyTo(query, [record(query.questions[0]?.name ?? '', '192.0.2.1')])])
  const ask = server([upstream])
  for (const name of ['www.test', 'WwW.TeSt', 'www.test']) {
    const answer = await ask(name, 'A', { id: 77, opt: { size: 1232 } })
    assert.equal(summary(answer), 'NOERROR 192.0.2.1')
    assert.equal(answer.questions[0]?.name, name)
    assert.equal(answer.answers[0]?.name, name)
    assert.equal(answer.id, 77)
    assert.equal(answer.flags, flags.QR | flags.RD | flags.RA)
    assert.ok(answer.additionals.some((one) => one.type === 'other' && one.code === types.OPT))
  }
  assert.equal((await ask('www.test', 'A')).additionals.length, 0)
  assert.deepEqual(upstream.asked, ['udp www.test'])
})

test('the same question from many clients is one question upstream', async (t) => {
  const upstream = await scripted(t, (query) => [replyTo(query, [record('www.test', '192.0.2.1', 0)])])
  const ask = server([upstream])
  const answers = await Promise.all(Array.from({ length: 50 }, (_, id) => ask('www.test', 'A', { id })))
  assert.deepEqual(
    answers.map(({ id }) => id),
    Array.from({ length: 50 }, (_, id) => id),
  )
  assert.equal(upstream.asked.length, 1)
  await ask('www.test', 'A')
  assert.equal(upstream.asked.length, 2, 'a TTL of 0 is not kept')
})

test('cluster names never leave the cluster', async (t) => {
  const upstream = await scripted(t, (query) => [replyTo(query, [record('x', '6.6.6.6')])])
  const ask = server([upstream])
  for (const name of ['svc1.testns.svc', 'nosuch.testns.svc', 'www.test.svc', 'foo'])
    await ask(`${name}.cluster.local`, 'A')
  await ask('99.0.0.10.in-addr.arpa', 'PTR')
  assert.deepEqual(upstream.asked, [])
})

test('an answer that was cut is fetched over TCP, and cut again for a client over UDP', async (t) => {
  const many = Array.from({ length: 60 }, (_, at) => record('big.test', `192.0.2.${at}`))
  const upstream = await scripted(t, (query, transport) => [
    transport === 'tcp' ? replyTo(query, many) : replyTo(query, [], { flags: flags.QR | flags.TC }),
  ])
  const ask = server([upstream])
  const small = await ask('big.test', 'A')
  assert.ok(small.flags & flags.TC)
  assert.equal(small.answers.length, 30, 'as many as 512 bytes take')
  const large = await ask('big.test', 'A', { opt: { size: 4096 } })
  assert.equal(large.answers.length, 60)
  assert.deepEqual(upstream.asked, ['udp big.test', 'tcp big.test'])
})

test('an external name is a CNAME and what upstream says about its target', async (t) => {
  const upstream = await scripted(t, (query) => {
    const name = query.questions[0]?.name ?? ''
    const alias: ResourceRecord = { name, class: 1, ttl: 60, type: 'CNAME', target: 'real.test' }
    if (query.questions[0]?.type === types.A) return [replyTo(query, [alias, record('real.test', '192.0.2.9')])]
    return [replyTo(query, [], { rcode: 3, authorities: [soa] })]
  })
  const ask = server([upstream])
  const name = 'external.testns.svc.cluster.local'
  assert.equal(summary(await ask(name, 'A')), 'NOERROR 192.0.2.9 CNAME=ext.interwebs.test CNAME=real.test')
  assert.equal(summary(await ask(name, 'AAAA')), 'NXDOMAIN CNAME=ext.interwebs.test ~SOA=test')
  assert.equal(summary(await ask(name, 'CNAME')), 'NOERROR CNAME=ext.interwebs.test')
  assert.deepEqual(upstream.asked, ['udp ext.interwebs.test', 'udp ext.interwebs.test'])
})

test('an external name keeps the mark that upstream cut its answer', async (t) => {
  const upstream = await scripted(t, (query, transport) =>
    transport === 'tcp'
      ? [Buffer.from('no message')]
      : [replyTo(query, [record('ext.interwebs.test', '192.0.2.9')], { flags: flags.QR | flags.TC })],
  )
  const answer = await server([upstream])('external.testns.svc.cluster.local', 'A')
  assert.equal(summary(answer), 'NOERROR TC 192.0.2.9 CNAME=ext.interwebs.test')
})

test('only the answer to the very question counts', async (t) => {
  const upstream = await scripted(t, (query) => {
    const bad = [record('www.test', '6.6.6.6')]
    const [question] = query.questions
    if (!question) return []
    return [
      replyTo(query, bad, { id: query.id ^ 1 }),
      replyTo(query, bad, { flags: 0 }),
      replyTo(query, bad, { questions: [{ ...question, name: 'other.test' }] }),
      // As long as the right one.
      replyTo(query, bad, { questions: [{ ...question, name: 'wwx.test' }] }),
      replyTo(query, bad, { questions: [{ ...question, type: types.AAAA }] }),
      replyTo(query, bad, { questions: [] }),
      Buffer.from('garbage'),
      encodeMessage(replyTo(query, bad)).subarray(0, -1),
      replyTo(query, [record('www.test', '192.0.2.1')]),
    ]
  })
  assert.equal(summary(await server([upstream])('www.test', 'A')), 'NOERROR 192.0.2.1')
})

test('upstreams are asked in order until one answers, and one that fails comes last for a while', async (t) => {
  const silent = await scripted(t, () => [])
  const failing = await scripted(t, (query) => [replyTo(query, [], { rcode: 2 })])
  const good = await scripted(t, (query) => [replyTo(query, [record('a.test', '192.0.2.1')])])
  // Nobody listens there: the kernel says so at once.
  const closed = await scripted(t, () => [])
  closed.close()
  const ask = server([silent, closed, failing, good])
  assert.equal(summary(await ask('a.test', 'A')), 'NOERROR 192.0.2.1')
  assert.equal(silent.asked.length, 1)
  assert.equal(summary(await ask('b.test', 'A')), 'NOERROR 192.0.2.1')
  assert.deepEqual([silent.asked.length, failing.asked.length, good.asked.length], [1, 2, 2])
  assert.equal(summary(await server([failing, closed])('a.test', 'A')), 'SERVFAIL')
  assert.equal(summary(await server([closed])('a.test', 'A')), 'SERVFAIL')
  assert.equal(summary(await server([silent])('a.test', 'A')), 'SERVFAIL')
})

test('an upstream older than EDNS is asked again without', async (t) => {
  const upstream = await scripted(t, (query) => [
    query.additionals.length > 0 ? replyTo(query, [], { rcode: 1 }) : replyTo(query, [record('a.test', '192.0.2.1')]),
  ])
  assert.equal(summary(await server([upstream])('a.test', 'A')), 'NOERROR 192.0.2.1')
})

test('ids and ports of questions to an upstream are not to be guessed', async (t) => {
  const ids = new Set<number>()
  const upstream = await scripted(t, (query) => {
    ids.add(query.id)
    return [replyTo(query, [])]
  })
  const ask = server([upstream])
  for (let at = 0; at < 40; at++) await ask(`n${at}.test`, 'A')
  assert.ok(ids.size > 35)
})

type Ask = (name: string, type: keyof typeof types, asking?: Asking) => Promise<Message>

function server(upstream: readonly UpstreamConfig[]): Ask {
  const forward = forwarderTo(upstream, { timeout: 300, maxFails: 1 })
  const responder = new Responder({ ...handlerList({ zone: zoneOf(), forward, synced: () => true }), log: silent })
  return async (name, type, asking = {}) => {
    const reply = await responder.react(queryOf(name, type, asking), overUdp)
    assert.ok(reply)
    return read(reply)
  }
}
