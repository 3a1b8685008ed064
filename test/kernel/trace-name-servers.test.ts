// What name servers do that are not the cluster's, or are not well.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { namesWorld } from './trace-names-world.ts'
import type { World } from './trace-world.ts'

let world: World
let close: () => Promise<void>
before(async () => {
  ;({ world, close } = await namesWorld())
})
after(() => close())

test('when no name server answers, the way of the question is shown', async () => {
  const before = world.resolvConf
  world.resolvConf = 'nameserver 100.64.0.11\nsearch shop.svc.cluster.local\noptions ndots:5 timeout:1 attempts:1\n'
  try {
    const trace = await world.trace('client', 'http://web/', { timeoutMs: 200 })
    assert.equal(trace.verdict, 'dropped')
    assert.ok(trace.dns.every(({ rcode }) => rcode === 'TIMEOUT'))
    assert.deepEqual(
      trace.why.map(({ code }) => code),
      ['NoNameServer', 'NoSuchService', 'Silence'],
    )
    assert.equal(trace.hops[0]?.packet.dst, '100.64.0.11:53')
    assert.deepEqual(trace.asked, { name: 'web', server: '100.64.0.11' })
    assert.equal((await world.trace('client', 'dns://web', { timeoutMs: 200 })).asked, undefined)
    assert.equal(trace.hops.at(-1)?.component, 'proxy')
  } finally {
    world.resolvConf = before
  }
})

test('a name server that takes questions and answers none, or not them, delivers nothing', async () => {
  const server = `
    const socket = require('dgram').createSocket('udp4')
    socket.on('message', (bytes, from) => socket.send(Buffer.from('garbage'), from.port, from.address))
    socket.bind(53, () => console.log('ready'))`
  await world.program('hung-dns', server)
  const before = world.resolvConf
  world.resolvConf = `nameserver ${world.addressOf('hung-dns')}\noptions ndots:1 timeout:1 attempts:1\n`
  try {
    for (const to of ['http://web/', 'dns://web']) {
      const trace = await world.trace('client', to, { timeoutMs: 300 })
      assert.equal(trace.verdict, 'no-answer', to)
      assert.ok(trace.agrees, JSON.stringify(trace.why))
      assert.deepEqual(
        trace.why.map(({ code, level }) => `${level} ${code}`),
        ['error NoNameServer', 'error ProgramSilent', 'info Silence'],
      )
    }
  } finally {
    world.resolvConf = before
  }
})

test('a name server that knows no options, or no EDNS at all, is asked as before', async () => {
  const server = `
    const socket = require('dgram').createSocket('udp4')
    socket.on('message', (bytes, from) => {
      const question = bytes.subarray(12, bytes.indexOf(0, 12) + 5)
      const old = bytes.includes('old') && bytes.readUInt16BE(10) > 0
      const head = Buffer.from([bytes[0], bytes[1], 0x81, old ? 0x81 : 0x80, 0, 1, 0, old ? 0 : 1, 0, 0, 0, 0])
      const record = Buffer.from(old ? '' : 'c00c000100010000000500046440001e', 'hex')
      socket.send(Buffer.concat([head, question, record]), from.port, from.address)
    })
    socket.bind(53, () => console.log('ready'))`
  await world.program('old-dns', server)
  const before = world.resolvConf
  world.resolvConf = `nameserver ${world.addressOf('old-dns')}\noptions ndots:1\n`
  try {
    for (const name of ['plain.example', 'old.example']) {
      const trace = await world.trace('client', `http://${name}/`)
      assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
      assert.deepEqual(
        trace.dns.map(({ question, rcode, answers, answeredBy }) => [question, rcode, answers, answeredBy]),
        [
          [name, 'NOERROR', ['100.64.0.30'], undefined],
          // It answers every question with an IPv4 address, which is no answer to this one.
          [name, 'NOERROR', [], undefined],
        ],
      )
    }
  } finally {
    world.resolvConf = before
  }
})

test('an answer that does not fit into a datagram is asked for again over TCP', async () => {
  const server = `
    const head = (bytes, tc, answers) => Buffer.from([bytes[0], bytes[1], tc ? 0x83 : 0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0])
    const question = (bytes) => bytes.subarray(12, bytes.indexOf(0, 12) + 5)
    const record = Buffer.from('c00c000100010000000500046440001e', 'hex')
    const socket = require('dgram').createSocket('udp4')
    socket.on('message', (bytes, from) => socket.send(Buffer.concat([head(bytes, true, 0), question(bytes)]), from.port, from.address))
    require('net').createServer((peer) => {
      let rest = Buffer.alloc(0)
      peer.on('data', (chunk) => {
        for (rest = Buffer.concat([rest, chunk]); rest.length > 2 && rest.length >= 2 + rest.readUInt16BE(0); ) {
          const bytes = rest.subarray(2, 2 + rest.readUInt16BE(0))
          rest = rest.subarray(2 + bytes.length)
          const six = question(bytes).readUInt16BE(question(bytes).length - 4) === 28
          const answer = Buffer.concat([head(bytes, false, six ? 0 : 1), question(bytes), six ? Buffer.alloc(0) : record])
          peer.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]))
        }
      })
    }).listen(53, () => socket.bind(53, () => console.log('ready')))`
  world.pod('big-dns', 'node2')
  await world.program('big-dns', server)
  const before = world.resolvConf
  world.resolvConf = `nameserver ${world.addressOf('big-dns')}\noptions ndots:1\n`
  try {
    const trace = await world.trace('client', 'http://big.example/')
    assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
    assert.deepEqual(
      trace.dns.map(({ type, over, truncated, answers }) => [type, over, truncated, answers]),
      [
        ['A', undefined, true, []],
        ['AAAA', undefined, true, []],
        ['A', 'tcp', undefined, ['100.64.0.30']],
        ['AAAA', 'tcp', undefined, []],
      ],
    )
  } finally {
    world.resolvConf = before
  }
})

test('a node asks the name servers of its own file, and what it does not know is told so', async () => {
  const before = world.resolvConf
  world.resolvConf = `nameserver ${world.addressOf('old-dns')}\n`
  try {
    const known = await world.trace('node/node1', 'http://plain.example/')
    assert.equal(known.verdict, 'delivered', JSON.stringify(known))
    assert.deepEqual(known.dns[0]?.answers, ['100.64.0.30'])
    world.resolvConf = ''
    const nobody = await world.trace('node/node1', 'http://web/')
    assert.equal(nobody.verdict, 'name-not-found')
    assert.equal(nobody.why[0]?.code, 'NodeNames')
    assert.equal(nobody.why[0]?.fix, 'name the object: svc/web means its address')
  } finally {
    world.resolvConf = before
  }
})

test('time that runs out says nothing about a name: not that it has no address', async () => {
  const soon = await world.trace('client', 'http://web/', { timeoutMs: 1 })
  // A millisecond may do for one question, and never for an answer to it and a connection.
  assert.ok(['no-answer', 'dropped'].includes(soon.verdict), JSON.stringify(soon))
  assert.ok(soon.why.every(({ say }) => !say.includes('DNS has no address')))
  await world.program(
    'slow-dns',
    `
    const socket = require('dgram').createSocket('udp4')
    socket.on('message', (bytes, from) => {
      if (!bytes.includes('first')) return
      const question = bytes.subarray(12, bytes.indexOf(0, 12) + 5)
      const head = Buffer.from([bytes[0], bytes[1], 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0])
      socket.send(Buffer.concat([head, question]), from.port, from.address)
    })
    socket.bind(53, () => console.log('ready'))`,
  )
  const before = world.resolvConf
  const server = world.addressOf('slow-dns')
  world.resolvConf = `nameserver ${server}\nsearch first second\noptions ndots:5\n`
  try {
    const trace = await world.trace('client', 'http://web/', { timeoutMs: 300 })
    assert.deepEqual([trace.verdict, trace.hops, trace.agrees], ['no-answer', [], true], JSON.stringify(trace))
    assert.deepEqual(
      trace.why.map(({ code, level, say }) => `${level} ${code}: ${say}`),
      [
        `error TimeRanOut: time ran out (0.3 s) before the name servers had said all: ${server} did not answer a question about web.second: whether "web" has an address is not known`,
      ],
    )
  } finally {
    world.resolvConf = before
  }
})
