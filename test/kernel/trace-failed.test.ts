import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import type { Trace } from '../../src/trace/types.ts'
import { drop, firewall, matches, noFirewall } from './firewall.ts'
import { World } from './trace-world.ts'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('near', 'node1', { app: 'web' })
  world.pod('far', 'node2', { app: 'web' })
  world.service('far-svc', '100.64.0.21', 80, 9999, ['far'])
  world.service('wbe', '100.64.0.22', 80, 8080, [])
  world.teach()
  await Promise.all([world.web('far'), world.web('near', 7070, '127.0.0.1')])
  await world.program('near', `require('net').createServer(() => {}).listen(6060, () => console.log('ready'))`)
  await world.program('near', `require('dgram').createSocket('udp4').bind(5050, () => console.log('ready'))`)
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

/** Without who said so, which is told of every failure: trace-why.test.ts. */
const codes = (trace: Trace): string[] =>
  trace.why.map(({ code }) => code).filter((code) => !['SaidNo', 'AnswerLost', 'Silence', 'NotSent'].includes(code))
const last = (trace: Trace): string =>
  `${trace.hops.at(-1)?.place} ${trace.hops.at(-1)?.component} ${trace.hops.at(-1)?.action}`

test('a port on which nobody listens is refused by the pod’s kernel, and what does listen is told', async () => {
  const trace = await world.trace('client', 'pod/far:81')
  assert.equal(trace.verdict, 'refused')
  assert.equal(last(trace), 'far pod rejected')
  assert.deepEqual(codes(trace), ['NobodyListens'])
  assert.match(
    trace.why[0]?.say ?? '',
    /nobody listens on port 81 in pod shop\/far; what listens there: tcp 0\.0\.0\.0:8080 node\[\d+\]/,
  )
  assert.equal(trace.reply[0]?.action, 'rejected')
  assert.ok(trace.agrees)
})

test('a service’s wrong targetPort is named in the service', async () => {
  const trace = await world.trace('client', 'http://100.64.0.21/')
  assert.equal(trace.verdict, 'refused')
  assert.equal(trace.why[0]?.fix, 'set targetPort 8080 in service shop/far-svc, or let the program listen on 9999')
})

test('a program that listens on 127.0.0.1 only is found', async () => {
  const trace = await world.trace('client', 'pod/near:7070')
  assert.equal(trace.verdict, 'refused')
  assert.deepEqual(codes(trace), ['LoopbackOnly'])
  assert.match(trace.why[0]?.say ?? '', /listens on 127\.0\.0\.1:7070 only/)
})

test('a service without endpoints is rejected by the node, and the selector is compared with the pods', async () => {
  const trace = await world.trace('client', 'svc/wbe')
  assert.equal(trace.verdict, 'rejected')
  assert.equal(last(trace), 'node1 proxy rejected')
  assert.match(trace.hops.at(-1)?.because.text ?? '', /a service without endpoints.* -> goto refuse/)
  assert.deepEqual(codes(trace), ['SelectorMatchesNothing'])
  assert.equal(trace.why[0]?.fix, 'pods here have app=web: is that meant?')
  assert.ok(trace.agrees)
})

test('a port that a service does not have is rejected, and the ones it has are told', async () => {
  const trace = await world.trace('client', 'svc/far-svc:9999')
  assert.equal(trace.verdict, 'rejected')
  assert.deepEqual(codes(trace), ['NoSuchPort'])
  assert.match(trace.why[0]?.say ?? '', /has no port 9999\/TCP; it has 80\/TCP; 9999 is its targetPort/)
})

test('an address that no service has is dropped by the rules', async () => {
  const trace = await world.trace('client', '100.64.0.99:80', { timeoutMs: 300 })
  assert.equal(trace.verdict, 'dropped')
  assert.equal(last(trace), 'node1 proxy dropped')
  assert.match(trace.hops.at(-1)?.because.text ?? '', /no service has this address.* -> drop/)
  assert.deepEqual(trace.reply, [])
  assert.ok(trace.agrees)
})

test('an address that no pod has is asked for in vain on its node', async () => {
  const trace = await world.trace('client', '100.96.2.77:80')
  assert.equal(trace.verdict, 'unreachable')
  assert.equal(last(trace), 'node2 bridge dropped')
  assert.equal(trace.hops.at(-1)?.say, '"who has 100.96.2.77?": nobody answered')
  assert.equal(trace.reply[0]?.place, 'node2')
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

test('an address of the pod’s own range that no pod has is never sent to', async () => {
  const trace = await world.trace('client', '100.96.1.77:80')
  assert.equal(trace.verdict, 'unreachable')
  assert.equal(last(trace), 'client pod dropped')
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

test('a foreign rule that drops on the way is named with its table and chain', async () => {
  using nft = openNftables(world.node('node2'))
  nft.apply(firewall({ comment: 'nobody talks to far', exprs: [...matches(16, world.addressOf('far')), drop] }))
  try {
    const trace = await world.trace('client', 'pod/far:8080', { timeoutMs: 300 })
    assert.equal(trace.verdict, 'dropped')
    assert.equal(last(trace), 'node2 policy dropped')
    assert.equal(trace.hops.at(-1)?.because.text, 'firewall guard: "nobody talks to far" -> drop')
    // The rule was read before the request was sent.
    assert.ok(trace.agrees, JSON.stringify(trace.why))
    assert.deepEqual(trace.expected, ['dropped'])
  } finally {
    nft.apply(noFirewall())
  }
})

test('a program that takes the connection and never answers is at fault itself', async () => {
  const trace = await world.trace('client', `http://${world.addressOf('near')}:6060/`, { timeoutMs: 300 })
  assert.equal(trace.verdict, 'no-answer')
  assert.deepEqual(codes(trace), ['ProgramSilent'])
  assert.equal(last(trace), 'near app delivered')
})

test('a datagram that a socket takes is delivered, answered or not', async () => {
  const silent = await world.trace('client', 'udp://pod/near:5050', { timeoutMs: 300 })
  assert.equal(silent.verdict, 'delivered')
  assert.deepEqual(codes(silent), ['NoDatagramBack'])
  const refused = await world.trace('client', 'udp://pod/near:5051')
  assert.equal(refused.verdict, 'refused')
  assert.deepEqual(codes(refused), ['NobodyListens'])
})

test('a router without a route says so', async () => {
  const trace = await world.trace('client', '203.0.113.9:80', { timeoutMs: 300 })
  assert.equal(trace.verdict, 'unreachable')
  assert.equal(last(trace), 'router route dropped')
  assert.equal(trace.hops.at(-1)?.because.text, 'no route to 203.0.113.9')
})

test('what does not exist is refused with the nearest names', async () => {
  await assert.rejects(world.trace('clinet', 'pod/near:80'), /no pod shop\/clinet; did you mean client\?/)
  await assert.rejects(world.trace('client', 'svc/web'), /no service shop\/web; did you mean wbe\?/)
  await assert.rejects(world.trace('client', 'pod/near'), /the port is missing/)
})
