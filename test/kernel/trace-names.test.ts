import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { pino } from 'pino'
import { address } from '../../src/base/address.ts'
import { defaults } from '../../src/dns/config/config.ts'
import { type Dns, startDns } from '../../src/dns/dns.ts'
import { bindUdp, listenTcp } from '../../src/kernel/socket.ts'
import { renderTrace } from '../../src/trace/render/text.ts'
import { World } from './trace-world.ts'

let world: World
let dns: Dns
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('web-1', 'node2')
  world.pod('dns-1', 'node2', {}, 'kube-system')
  world.pod('old-dns', 'node2')
  world.pod('hung-dns', 'node2')
  world.service('web', '100.64.0.30', 80, 8080, ['web-1'])
  world.service('other', '100.64.0.31', 80, 8080, ['web-1'], {}, 'bank')
  world.service('pets', 'None', 8080, 8080, ['web-1'])
  world.service('alias', '', 80, 80, [], { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' })
  delete world.services.at(-1)?.spec.clusterIP
  const pet = world.slices.find(({ metadata }) => metadata.name === 'pets-1')?.endpoints[0]
  if (pet) pet.hostname = 'pet-0'
  world.service('kube-dns', '100.64.0.10', 53, 53, ['dns-1'], { ports: [{ port: 53, protocol: 'UDP' }] }, 'kube-system')
  world.teach()
  const ns = world.netns('dns-1', 'kube-system')
  dns = await startDns({
    client: world.client,
    config: defaults,
    sockets: [{ udpFd: bindUdp(ns, address('0.0.0.0'), 53), tcpFd: listenTcp(ns, address('0.0.0.0'), 53) }],
    log: pino({ level: 'silent' }),
  })
  await Promise.all([dns.synced, world.web('web-1')])
  world.resolvConf =
    'nameserver 100.64.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n'
})
after(async () => {
  await dns.close()
  await world[Symbol.asyncDispose]()
})

test('a name is looked up as a program in the pod would, and the pod that answered is named', async () => {
  const trace = await world.trace('client', 'http://web/')
  assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
  assert.equal(trace.status, '200 OK')
  assert.deepEqual(
    trace.dns.map((step) => ({ ...step, ms: 0 })),
    [
      {
        question: 'web.shop.svc.cluster.local',
        type: 'A',
        server: '100.64.0.10',
        rcode: 'NOERROR',
        answers: ['100.64.0.30'],
        by: 'kube-system/dns-1, node2',
        answeredBy: 'cluster: service shop/web',
        ms: 0,
      },
      // A program that takes any kind of address asks for both at once.
      {
        question: 'web.shop.svc.cluster.local',
        type: 'AAAA',
        server: '100.64.0.10',
        rcode: 'NOERROR',
        answers: [],
        by: 'kube-system/dns-1, node2',
        answeredBy: 'cluster: no data',
        ms: 0,
      },
    ],
  )
  assert.match(
    renderTrace(trace, { width: 0, color: false, verbose: false }),
    /^name {5}web = .* = 100\.64\.0\.30 {4}2 questions to 100\.64\.0\.10 .*, answered by cluster: service shop\/web$/m,
  )
  assert.equal(trace.hops.at(-1)?.place, 'web-1')
  assert.deepEqual(trace.why, [])
})

test('a name with fewer dots than ndots costs questions about names that do not exist', async () => {
  const trace = await world.trace('client', 'http://other.bank.svc.cluster.local/')
  assert.equal(trace.verdict, 'delivered')
  const first = trace.dns.filter(({ type }) => type === 'A')
  assert.equal(trace.dns.length, 8)
  assert.deepEqual(
    first.map(({ rcode }) => rcode),
    ['NXDOMAIN', 'NXDOMAIN', 'NXDOMAIN', 'NOERROR'],
  )
  assert.deepEqual(
    first.map(({ answeredBy }) => answeredBy),
    [...new Array<string>(3).fill('cluster: no such name'), 'cluster: service bank/other'],
  )
  assert.deepEqual(
    trace.why.map(({ code }) => code),
    ['SearchedName'],
  )
  const whole = await world.trace('client', 'http://other.bank.svc.cluster.local./')
  assert.equal(whole.dns.length, 2)
})

const askedOne = 'SaidNo: see the questions one by one: the search list of the pod’s resolv.conf makes them'

test('a name that does not exist is compared with those that do', async () => {
  const wrong = await world.trace('client', 'http://wep/')
  assert.equal(wrong.verdict, 'name-not-found')
  assert.deepEqual([wrong.hops, wrong.reply, wrong.agrees], [[], [], true])
  assert.deepEqual(
    wrong.why.map(({ code, fix }) => `${code}: ${fix}`),
    ['NameUnknown: did you mean web?', askedOne],
  )
  const elsewhere = await world.trace('client', 'http://other/')
  assert.deepEqual(
    elsewhere.why.map(({ code, fix }) => `${code}: ${fix}`),
    ['NameElsewhere: write other.bank', askedOne],
  )
})

test('a headless service is its pods', async () => {
  const trace = await world.trace('client', 'http://pets:8080/')
  assert.equal(trace.verdict, 'delivered')
  assert.deepEqual(trace.dns[0]?.answers, [world.addressOf('web-1')])
  assert.ok(trace.hops.every(({ component }) => component !== 'proxy'))
})

test('a question can be followed itself', async () => {
  const trace = await world.trace('client', 'dns://web')
  assert.equal(trace.verdict, 'delivered')
  assert.equal(trace.status, 'NOERROR 100.64.0.30')
  assert.equal(trace.hops.at(-1)?.place, 'dns-1')
  assert.equal(trace.hops.find(({ component }) => component === 'proxy')?.packet.dst, '100.64.0.10:53')
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

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

test('other names are followed: of a service elsewhere, of an alias, of one pod of a headless service', async () => {
  const rows: [to: string, found: string, last: string][] = [
    ['http://other.bank/', 'other.bank.svc.cluster.local', 'web-1'],
    ['http://alias:80/', 'alias.shop.svc.cluster.local', 'web-1'],
    ['svc/alias:80', 'alias.shop.svc.cluster.local', 'web-1'],
    ['svc/pets', 'pets.shop.svc.cluster.local', 'web-1'],
    ['http://pet-0.pets:8080/', 'pet-0.pets.shop.svc.cluster.local', 'web-1'],
  ]
  for (const [to, found, last] of rows) {
    const trace = await world.trace('client', to)
    assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
    const answer = trace.dns.find(({ answers }) => answers.length > 0)
    assert.equal(answer?.question, found, to)
    assert.equal(trace.hops.at(-1)?.place, last, to)
    if (to.includes('alias'))
      assert.deepEqual(answer?.answers, [`${found} -> web.shop.svc.cluster.local`, '100.64.0.30'])
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

test('a pod on its node’s network asks as its own files say, from its node', async () => {
  world.pod('host', 'node1', {}, 'shop', { hostNetwork: true })
  const trace = await world.trace('host', 'http://web/')
  assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
  assert.equal(trace.dns[0]?.question, 'web.shop.svc.cluster.local')
  assert.equal(trace.hops[0]?.place, 'node1')
  assert.deepEqual(
    trace.why.map(({ code }) => code),
    ['HostNetwork'],
  )
})

test('the pod’s own name stands in its hosts file', async () => {
  const trace = await world.trace('client', 'tcp://client:9', { timeoutMs: 500 })
  assert.equal(trace.dns[0]?.server, '/etc/hosts')
})
