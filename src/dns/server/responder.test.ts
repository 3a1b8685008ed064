import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { address } from '../../base/address.ts'
import { type Asking, overTcp, overUdp, queryOf, read, summary } from '../testing/ask.ts'
import { service, slice, zoneOf } from '../testing/cluster.ts'
import { topics } from '../testing/rows.ts'
import { flags, type Message, rcodes, types } from '../wire/message.ts'
import type { Zone } from '../zone/zone.ts'
import { handlerList } from '../handlers/list.ts'
import type { Transport } from '../handlers/handler.ts'
import { Responder } from './responder.ts'

const log = pino({ level: 'silent' })
const nx = 'NXDOMAIN ~SOA=cluster.local'
const svc1 = '10.0.0.1'

for (const [title, rows] of topics)
  test(`${title}: every question gets its answer, twice, in any spelling`, async () => {
    const servers = new Map(
      (['disabled', 'insecure', 'verified'] as const).map((pods) => [pods, responder(zoneOf({ pods }))]),
    )
    for (const { name, type, expected, pods = 'insecure' } of rows) {
      const ask = servers.get(pods)
      assert.ok(ask)
      const whole = name.endsWith('.') ? name.slice(0, -1) : `${name}.testns.svc.cluster.local`
      for (const spelling of [whole, whole, mixed(whole)]) {
        const answer = await ask(spelling, type)
        assert.equal(summary(answer).toLowerCase(), expected.toLowerCase(), `${spelling} ${type}`)
        assert.equal(answer.questions[0]?.name, spelling)
        for (const { name: owner, ttl } of answer.answers.slice(0, 1)) {
          assert.equal(owner, spelling, 'the first record is under the spelling of the question')
          assert.equal(ttl, type === 'ANY' && !expected.includes('CNAME') ? 3600 : 5)
        }
        for (const { ttl } of answer.authorities) assert.equal(ttl, 5)
      }
    }
  })

test('above a name that exists there is no name that does not (RFC 8020)', async () => {
  const ask = responder(zoneOf())
  const ours = /\.cluster\.local$|\.(0\.10|0\.172)\.in-addr\.arpa$/i
  for (const { name, type, pods = 'insecure', expected } of topics.flatMap(([, rows]) => rows)) {
    const whole = name.endsWith('.') ? name.slice(0, -1) : `${name}.testns.svc.cluster.local`
    if (pods !== 'insecure' || !expected.startsWith('NOERROR') || !ours.test(whole)) continue
    for (let above = whole; ours.test(above); above = above.slice(above.indexOf('.') + 1))
      assert.notEqual((await ask(above, 'TXT')).rcode, rcodes.NXDOMAIN, `${above}, of ${whole} ${type}`)
  }
})

test('a pod name is there as long as a pod has its address', async () => {
  const zone = zoneOf({ pods: 'verified' })
  zone.pod('podns', 'pod-2', [address('10.240.0.1')])
  zone.pod('podns', 'pod-1', [])
  assert.equal(summary(await responder(zone)('10-240-0-1.podns.pod.cluster.local', 'A')), 'NOERROR 10.240.0.1')
  zone.pod('podns', 'pod-2', [])
  assert.equal(summary(await responder(zone)('10-240-0-1.podns.pod.cluster.local', 'A')), nx)
})

test('a changed object changes its answers at once, and no others', async () => {
  const zone = zoneOf()
  const ask = responder(zone)
  const answer = async (name: string, type: keyof typeof types = 'A'): Promise<string> =>
    summary(await ask(name.endsWith('arpa') ? name : `${name}.testns.svc.cluster.local`, type))

  assert.equal(await answer('new'), nx)
  zone.service(service('new', { clusterIP: 'None' }), true)
  assert.equal(await answer('new'), nx)
  zone.slice(slice('new', ['172.0.0.2', '!172.0.0.60 web-0']), true)
  assert.equal(await answer('new'), 'NOERROR 172.0.0.2')
  assert.equal(await answer('web-0.new'), nx)
  assert.match(await answer('2.0.0.172.in-addr.arpa', 'PTR'), /PTR=172-0-0-2\.new\./)
  zone.slice(slice('new', ['172.0.0.60 web-0']), true)
  assert.equal(await answer('new'), 'NOERROR 172.0.0.60')
  assert.equal(await answer('web-0.new'), 'NOERROR 172.0.0.60')
  assert.doesNotMatch(await answer('2.0.0.172.in-addr.arpa', 'PTR'), /new/)
  assert.equal(await answer('60.0.0.172.in-addr.arpa', 'PTR'), 'NOERROR PTR=web-0.new.testns.svc.cluster.local')
  zone.service(service('new', { clusterIP: '10.0.0.77', ports: [{ port: 80 }] }), true)
  assert.equal(await answer('new'), 'NOERROR 10.0.0.77')
  zone.service(service('new', { type: 'ExternalName', externalName: 'svc1.testns.svc.cluster.local' }), true)
  assert.match(await answer('new'), /10\.0\.0\.1 CNAME/)
  assert.equal(await answer('60.0.0.172.in-addr.arpa', 'PTR'), 'NXDOMAIN ~SOA=0.172.in-addr.arpa')
  zone.service(service('new', {}), false)
  assert.equal(await answer('new'), nx)
  zone.slice(slice('new', ['172.0.0.60 web-0']), false)
  assert.equal(await answer('new'), nx)
  assert.equal(await answer('svc1'), `NOERROR ${svc1}`)
})

test('the serial is the time of the last change', async () => {
  let time = 1_700_000_000
  const zone = zoneOf({ now: () => time })
  const ask = responder(zone)
  const serial = async (): Promise<unknown> => {
    const [record] = (await ask('nosuch.cluster.local', 'A')).authorities
    return record && 'serial' in record && record.serial
  }
  assert.equal(await serial(), time)
  time += 60
  assert.equal(await serial(), time - 60)
  zone.service(service('svc1', { clusterIP: '10.0.0.1' }), true)
  assert.equal(await serial(), time)
  time -= 3600
  zone.service(service('svc1', { clusterIP: '10.0.0.1' }), true)
  assert.equal(await serial(), time + 3600, 'a clock that goes back does not make the serial go back')
})

test('answers are ours alone: flags, id and size are those of each question', async () => {
  const ask = responder(zoneOf())
  const rows: [Asking, Partial<Message>][] = [
    [{ id: 1 }, { id: 1, flags: flags.QR | flags.AA | flags.RD }],
    [
      { id: 65535, flags: 0 },
      { id: 65535, flags: flags.QR | flags.AA },
    ],
    [{ flags: flags.RD | flags.AD | flags.CD | 0x40 }, { flags: flags.QR | flags.AA | flags.RD | flags.CD }],
  ]
  for (const [asking, expected] of rows) {
    const { id, flags: word } = await ask('svc1.testns.svc.cluster.local', 'A', asking)
    assert.deepEqual({ id, flags: word, ...expected }, { id, flags: word })
  }
  assert.equal(summary(await ask('svc1.testns.svc.cluster.local', 'A', { class: 3 })), 'REFUSED')
  assert.equal(summary(await ask('example.test', 'A', { opt: { size: 1232 } })), 'REFUSED')
})

test('EDNS is answered with EDNS', async () => {
  const ask = responder(zoneOf())
  for (const name of ['svc1.testns.svc.cluster.local', 'nosuch.cluster.local', 'example.test']) {
    assert.equal((await ask(name, 'A')).additionals.length, 0)
    for (const dnssec of [false, true]) {
      const [opt] = (await ask(name, 'A', { opt: { size: 4096, dnssec } })).additionals
      assert.ok(opt?.type === 'other' && opt.code === types.OPT)
      assert.deepEqual([opt.name, opt.class, opt.ttl, opt.data.length], ['', 1232, dnssec ? 0x8000 : 0, 0])
    }
  }
  const bad = await ask('svc1.testns.svc.cluster.local', 'A', { opt: { size: 1232, version: 1 } })
  assert.equal(bad.rcode, 0)
  assert.equal((bad.additionals[0]?.ttl ?? 0) >>> 24, 1, 'BADVERS is 16: the upper bits stand in the OPT record')
  assert.equal(bad.answers.length, 0)
})

test('what is too long for the client is cut at a record, and only TC makes it ask again', async () => {
  const zone = zoneOf()
  const addresses = Array.from({ length: 100 }, (_, at) => `172.0.9.${at}`)
  zone.service(service('big', { clusterIP: 'None' }), true)
  zone.slice(slice('big', addresses), true)
  const server = new Responder({ ...handlerList({ zone, synced: () => true }), log })
  const rows: [Asking, Transport, number, boolean][] = [
    [{}, 'udp', 512, true],
    [{ opt: { size: 100 } }, 'udp', 512, true],
    [{ opt: { size: 1232 } }, 'udp', 1232, true],
    [{ opt: { size: 4096 } }, 'udp', 4096, false],
    [{}, 'tcp', 65535, false],
  ]
  for (const [asking, transport, limit, cut] of rows) {
    const reply = await server.react(
      queryOf('big.testns.svc.cluster.local', 'A', asking),
      transport === 'udp' ? overUdp : overTcp,
    )
    assert.ok(
      reply && reply.length <= limit && (!cut || reply.length > limit - 16 - 11),
      `${reply?.length} of ${limit}`,
    )
    const message = read(reply)
    assert.equal((message.flags & flags.TC) !== 0, cut)
    const given = message.answers.map((record) => ('address' in record ? record.address : ''))
    assert.equal(new Set(given).size, given.length)
    assert.equal(given.length, cut ? given.length : 100)
  }
  const srv = queryOf('big.testns.svc.cluster.local', 'SRV', { opt: { size: 65535 } })
  assert.equal(read((await server.react(srv, overTcp)) ?? Buffer.alloc(0)).additionals.length, 101)
  assert.ok(((await server.react(srv, overUdp))?.length ?? 0) <= 4096, 'no more over UDP, whatever the client can take')

  const ask = responder(zone)
  const seven = Array.from({ length: 7 }, (_, at) => `172.0.8.${at}`)
  zone.slice(slice('big', seven), true)
  const additional = await ask('big.testns.svc.cluster.local', 'SRV')
  assert.equal(additional.answers.length, 7)
  assert.ok(additional.additionals.length < 7, 'additional addresses may be missing')
  assert.equal(additional.flags & flags.TC, 0, 'and that is no reason to ask again')
})

test('addresses come in every order', async () => {
  const ask = responder(zoneOf())
  const orders = new Map<string, number>()
  for (let at = 0; at < 2400; at++) {
    const { answers } = await ask('hdls1.testns.svc.cluster.local', 'A')
    const order = answers.map((record) => ('address' in record ? record.address : '')).join(' ')
    orders.set(order, (orders.get(order) ?? 0) + 1)
  }
  assert.equal(orders.size, 24)
  for (const count of orders.values()) assert.ok(count > 40 && count < 180, `100 expected, ${count} counted`)
})

test('until the cluster is known its names get SERVFAIL', async () => {
  const zone = zoneOf()
  let synced = false
  const ask = responder(zone, () => synced)
  for (const name of ['svc1.testns.svc.cluster.local', 'nosuch.cluster.local', 'external.testns.svc.cluster.local'])
    assert.equal(summary(await ask(name, 'A')), 'SERVFAIL')
  // Any address may yet have a name, and upstreams would say that it has none.
  for (const name of ['1.0.0.10', '99.0.0.10', '9.9.9.9', '5.0.10'])
    assert.equal(summary(await ask(`${name}.in-addr.arpa`, 'PTR')), 'SERVFAIL')
  assert.equal(summary(await ask(`1.${'0.'.repeat(30)}f.ip6.arpa`, 'PTR')), 'SERVFAIL')
  assert.equal(summary(await ask('example.test', 'A')), 'REFUSED')
  synced = true
  assert.equal(summary(await ask('svc1.testns.svc.cluster.local', 'A')), `NOERROR ${svc1}`)
})

test('messages that are no good question get a code or nothing', async () => {
  const good = queryOf('svc1.testns.svc.cluster.local', 'A')
  const withOpt = queryOf('svc1.testns.svc.cluster.local', 'A', { opt: { size: 1232 } })
  const change = (of: Buffer, at: number, value: number): Buffer => {
    const copy = Buffer.from(of)
    copy.writeUInt16BE(value, at)
    return copy
  }
  const named = (name: string): Buffer => Buffer.from(`${head}${name}\0\x01\0\x01`, 'latin1')
  const head = good.toString('latin1', 0, 12)
  const rows: [string, Buffer, number | undefined][] = [
    ['nothing', Buffer.alloc(0), undefined],
    ['less than a header', good.subarray(0, 11), undefined],
    ['an answer', change(good, 2, 0x8000), undefined],
    ['an opcode that is not QUERY', change(good, 2, 0x2000), 4],
    ['no question', change(good.subarray(0, 12), 4, 0), 1],
    ['two questions', change(good, 4, 2), 1],
    ['a header alone', good.subarray(0, 12), 1],
    ['cut in the name', good.subarray(0, 20), 1],
    ['cut in the type', good.subarray(0, good.length - 3), 1],
    ['a pointer for a name', change(good, 12, 0xc00c), 1],
    ['a label of 64 bytes', named(`\x40${'a'.repeat(64)}\0`), 1],
    ['a name of 256 bytes', named(`${'\x03aaa'.repeat(63)}\x02aa\0`), 1],
    ['bytes behind the end', Buffer.concat([good, Buffer.alloc(1)]), 1],
    ['a record that is not there', change(good, 10, 1), 1],
    ['OPT cut', withOpt.subarray(0, withOpt.length - 1), 1],
    ['OPT among the answers', change(change(withOpt, 10, 0), 6, 1), 1],
    [
      'OPT with a name',
      change(Buffer.concat([good, Buffer.from('0161000029100000000000 0000'.replace(' ', ''), 'hex')]), 10, 1),
      1,
    ],
    ['two OPT', change(Buffer.concat([withOpt, withOpt.subarray(-11)]), 10, 2), 1],
  ]
  const server = new Responder({ ...handlerList({ zone: zoneOf(), synced: () => true }), log })
  for (const [title, bytes, rcode] of rows) {
    const reply = await server.react(bytes, overUdp)
    assert.equal(reply && reply.length, rcode === undefined ? undefined : 12, title)
    if (reply) assert.deepEqual([reply.readUInt16BE(0), reply.readUInt8(3) & 0xf], [0x1234, rcode], title)
  }
})

function responder(
  zone: Zone,
  synced: () => boolean = () => true,
): (name: string, type: keyof typeof types | number, asking?: Asking) => Promise<Message> {
  const server = new Responder({ ...handlerList({ zone, synced }), log })
  return async (name, type, asking = {}) => {
    const reply = await server.react(queryOf(name, type, asking), overUdp)
    assert.ok(reply)
    return read(reply)
  }
}

function mixed(name: string): string {
  return Array.from(name, (char, at) => (at % 2 === 0 ? char.toUpperCase() : char)).join('')
}
