// Questions for names: which are asked, of whom, in which order, and what is answered, beside what resolv.conf and the objects foretell.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { renderTrace } from '../../src/trace/render/text.ts'
import type { Trace } from '../../src/trace/types.ts'
import { namesWorld } from './trace-names-world.ts'
import type { World } from './trace-world.ts'

let world: World
let close: () => Promise<void>
before(async () => {
  ;({ world, close } = await namesWorld())
})
after(() => close())

const asked = ({ dns }: Trace): string[] => dns.map(({ question, type, server }) => `${question} ${type} ${server}`)
const foretold = ({ predictedDns = [] }: Trace): string[] =>
  predictedDns.map(({ question, type, server }) => `${question} ${type} ${server}`)
const rcodes = ({ predictedDns = [] }: Trace): string[] => predictedDns.map(({ rcode = '?' }) => rcode)
const differs = ({ why }: Trace): string | undefined => why.find(({ code }) => code === 'Disagree')?.say

/** Another resolv.conf, or other pods behind the name service, as long as the body runs. */
async function withConf(conf: string, body: () => Promise<void>): Promise<void> {
  const before = world.resolvConf
  world.resolvConf = conf
  try {
    await body()
  } finally {
    world.resolvConf = before
  }
}
async function servedBy(pods: readonly string[], body: () => Promise<void>): Promise<void> {
  const slice = world.slices.find(({ metadata }) => metadata.name === 'kube-dns-1')
  assert.ok(slice)
  const before = slice.endpoints
  slice.endpoints = pods.map((pod) => ({
    addresses: [world.addressOf(pod)],
    conditions: { ready: true },
    nodeName: 'node2',
  }))
  world.teach()
  try {
    await body()
  } finally {
    slice.endpoints = before
    world.teach()
  }
}

// What is no cluster's is refused here, and a refusal is asked a second time.
test('the questions of the search list are foretold, each with its answer', async () => {
  for (const [to, expected] of [
    ['http://web/', 'NOERROR NOERROR'],
    ['http://other.bank/', 'NXDOMAIN NXDOMAIN NOERROR NOERROR'],
    ['http://other.bank.svc.cluster.local/', 'NXDOMAIN NXDOMAIN NXDOMAIN NXDOMAIN NXDOMAIN NXDOMAIN NOERROR NOERROR'],
    ['http://other.bank.svc.cluster.local./', 'NOERROR NOERROR'],
    ['http://wep/', 'NXDOMAIN NXDOMAIN NXDOMAIN NXDOMAIN NXDOMAIN NXDOMAIN ? ? ? ?'],
    ['http://pets:8080/', 'NOERROR NOERROR'],
    ['http://pet-0.pets:8080/', 'NOERROR NOERROR'],
    ['http://alias:80/', 'NOERROR NOERROR'],
    ['dns://web', 'NOERROR NOERROR'],
  ] as const) {
    const trace = await world.trace('client', to)
    assert.deepEqual(foretold(trace), asked(trace), to)
    assert.equal(rcodes(trace).join(' '), expected, to)
    assert.equal(differs(trace), undefined, to)
    assert.ok(trace.agrees, to)
  }
  const { predictedDns } = await world.trace('client', 'http://web/')
  assert.deepEqual(predictedDns?.[0]?.answers, ['100.64.0.30'])
  const named = await world.trace('client', 'tcp://client:9', { timeoutMs: 200 })
  assert.deepEqual(foretold(named), ['client A /etc/hosts'])
  assert.deepEqual((await world.trace('client', 'pod/web-1:8080')).predictedDns, undefined)
})

test('a node, and a pod on its node’s network, ask as their own files say', async () => {
  world.pod('host', 'node1', {}, 'shop', { hostNetwork: true })
  for (const from of ['node/node1', 'host']) {
    const trace = await world.trace(from, 'http://web/')
    assert.deepEqual(foretold(trace), asked(trace))
    assert.deepEqual(rcodes(trace), ['NOERROR', 'NOERROR'])
    assert.ok(trace.agrees, JSON.stringify(trace.why))
  }
  const outside = await world.trace('outside', 'http://web/')
  assert.deepEqual([outside.dns, outside.predictedDns, outside.agrees], [[], [], true])
})

test('ndots, search and options are the pod’s own', async () => {
  const server = 'nameserver 100.64.0.10\n'
  for (const [conf, to, names] of [
    [
      'search svc.cluster.local bank.svc.cluster.local\noptions ndots:1 no-aaaa attempts:1\n',
      'http://other.bank.svc/',
      ['other.bank.svc', 'other.bank.svc.svc.cluster.local', 'other.bank.svc.bank.svc.cluster.local'],
    ],
    ['search bank.svc.cluster.local\noptions ndots:2 no-aaaa\n', 'http://other/', ['other.bank.svc.cluster.local']],
    ['options ndots:5 no-aaaa\n', 'http://web.shop.svc.cluster.local/', ['web.shop.svc.cluster.local']],
  ] as const)
    await withConf(server + conf, async () => {
      const trace = await world.trace('client', to)
      assert.deepEqual(
        asked(trace),
        names.map((name) => `${name} A 100.64.0.10`),
        conf,
      )
      assert.deepEqual(foretold(trace), asked(trace), conf)
      assert.ok(trace.agrees, JSON.stringify(trace.why))
    })
})

test('what only others can say is said so, and the rest is compared', async () => {
  const trace = await world.trace('client', 'http://www.example.com:80/')
  assert.deepEqual(foretold(trace), asked(trace))
  assert.equal(
    trace.predictedDns?.at(-1)?.say,
    'www.example.com is no name of this cluster: only its own name servers can say',
  )
  assert.equal(rcodes(trace).slice(0, 6).join(' '), 'NXDOMAIN '.repeat(6).trim())
  assert.ok(trace.agrees, JSON.stringify(trace.why))
  await withConf(
    'nameserver 192.168.50.1\nsearch shop.svc.cluster.local\noptions ndots:5 timeout:1 attempts:1\n',
    async () => {
      const strange = await world.trace('client', 'http://web/')
      // Of the router nobody answers there, which its kernel says; its sockets are in nobody's objects.
      assert.deepEqual(foretold(strange), asked(strange))
      assert.ok(strange.agrees, JSON.stringify(strange.why))
    },
  )
})

test('a name server that says something else than the objects do is a difference', async () => {
  const server = (rcode: number, answer: string): string => `
    const socket = require('dgram').createSocket('udp4')
    socket.on('message', (bytes, from) => {
      const question = bytes.subarray(12, bytes.indexOf(0, 12) + 5)
      const isA = question.readUInt16BE(question.length - 4) === 1
      const record = isA ? Buffer.from('${answer}', 'hex') : Buffer.alloc(0)
      const head = Buffer.from([bytes[0], bytes[1], 0x81, 0x80 | ${rcode}, 0, 1, 0, record.length > 0 ? 1 : 0, 0, 0, 0, 0])
      socket.send(Buffer.concat([head, question, record]), from.port, from.address)
    })
    socket.bind(53, () => console.log('ready'))`
  // A record for the name of the question, 203.0.113.1.
  await world.program('old-dns', server(0, 'c00c00010001000000050004cb007101'))
  await world.program('hung-dns', server(3, ''))
  await servedBy(['hung-dns'], async () => {
    const trace = await world.trace('client', 'http://web/')
    assert.equal(trace.verdict, 'name-not-found')
    assert.equal(trace.agrees, false)
    assert.equal(
      differs(trace),
      'question 1, web.shop.svc.cluster.local A of 100.64.0.10: predicted was NOERROR 100.64.0.30, and it was NXDOMAIN',
    )
    const text = renderTrace(trace, { width: 0, color: false, verbose: false })
    assert.match(text, /^shop\/client -> http:\/\/web\/ .*predicted and observed differ$/m)
  })
  await servedBy(['old-dns'], async () => {
    const trace = await world.trace('client', 'tcp://web:80', { timeoutMs: 500 })
    assert.equal(trace.agrees, false)
    assert.equal(
      differs(trace),
      'question 1, web.shop.svc.cluster.local A of 100.64.0.10: predicted was NOERROR 100.64.0.30, and it was NOERROR 203.0.113.1',
    )
  })
})

test('a name server that nobody can reach is foretold: refused without pods, silent where a rule is against it', async () => {
  await servedBy([], async () => {
    const trace = await world.trace('client', 'http://web/', { timeoutMs: 1000 })
    assert.ok(
      trace.dns.every(({ rcode }) => rcode === 'UNREACHABLE'),
      JSON.stringify(trace.dns),
    )
    assert.deepEqual(foretold(trace), asked(trace))
    assert.deepEqual(new Set(rcodes(trace)), new Set(['UNREACHABLE']))
    assert.ok(trace.agrees, JSON.stringify(trace.why))
  })
  // Silence sends the C library to the name as it is, and to nothing between.
  await withConf(
    'nameserver 100.64.0.77\nsearch a.test b.test c.test\noptions ndots:5 timeout:1 attempts:1\n',
    async () => {
      const trace = await world.trace('client', 'http://web/', { timeoutMs: 2500 })
      assert.deepEqual(
        asked(trace),
        ['web.a.test A', 'web.a.test AAAA', 'web A', 'web AAAA'].map((one) => `${one} 100.64.0.77`),
      )
      assert.deepEqual(foretold(trace), asked(trace))
      assert.deepEqual(
        rcodes(trace),
        Array.from({ length: 4 }, () => 'TIMEOUT'),
      )
      assert.ok(trace.agrees, JSON.stringify(trace.why))
    },
  )
})
