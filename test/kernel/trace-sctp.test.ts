import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Trace } from '../../src/trace/types.ts'
import { serveSctp } from './sctp-server.ts'
import { World } from './trace-world.ts'

let world: World
const servers: Disposable[] = []
before(() => {
  world = new World()
  world.pod('client', 'node1')
  servers.push(...['near', 'far'].map((pod, at) => serveSctp(world.pod(pod, `node${at + 1}`, { app: 'mme' }), 36412)))
  world.pod('plain', 'node2')
  const ports = [{ port: 3868, targetPort: 36412, protocol: 'SCTP' as const }]
  world.service('mme', '100.64.0.40', 3868, 36412, ['far'], { ports })
  world.service('near', '100.64.0.41', 3868, 36412, ['near'], { ports })
  world.service('wrong', '100.64.0.42', 3868, 36413, ['far'], {
    ports: [{ port: 3868, targetPort: 36413, protocol: 'SCTP' }],
  })
  world.service('empty', '100.64.0.43', 3868, 36412, [], { ports })
  world.teach()
})
after(async () => {
  for (const server of servers) server[Symbol.dispose]()
  await world[Symbol.asyncDispose]()
})

const last = (trace: Trace): string =>
  `${trace.hops.at(-1)?.place} ${trace.hops.at(-1)?.component} ${trace.hops.at(-1)?.action}`

test('an association may begin where somebody answers the INIT', async () => {
  for (const pod of ['far', 'near']) {
    const trace = await world.trace('client', `sctp://pod/${pod}:36412`)
    assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
    assert.equal(last(trace), `${pod} app delivered`)
    assert.equal(trace.reply[0]?.say, 'yes: an association may begin (INIT ACK)')
    assert.match(trace.reply[0]?.because.text ?? '', /sctp INIT ACK tag \d+ initiates 1551564801/)
    assert.equal(trace.reply.at(-1)?.place, 'client')
    assert.equal(trace.hops[0]?.packet.dst, `${world.addressOf(pod)}:36412`)
    assert.ok(trace.agrees, JSON.stringify(trace.why))
    assert.deepEqual(trace.why, [])
  }
})

test('a service of SCTP is translated by the rules, and back', async () => {
  for (const [service, pod] of [
    ['mme', 'far'],
    ['near', 'near'],
  ] as const) {
    const trace = await world.trace('client', `sctp://svc/${service}`)
    assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
    const translated = trace.hops.find(({ action }) => action === 'translated')
    assert.equal(translated?.after?.dst, `${world.addressOf(pod)}:36412`)
    assert.match(translated?.say ?? '', new RegExp(`^service shop/${service}: .* pod ${pod}, the only one$`))
    assert.ok(trace.reply.some(({ say }) => say.startsWith('put back')))
    assert.ok(trace.agrees, JSON.stringify(trace.why))
  }
})

test('an ABORT is a refusal by the pod', async () => {
  const trace = await world.trace('client', 'sctp://svc/wrong')
  assert.equal(trace.verdict, 'refused')
  assert.equal(last(trace), 'far pod rejected')
  assert.equal(trace.reply[0]?.say, 'no: the association is refused (ABORT)')
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

test('a pod whose kernel has no SCTP says so, and the sentence says what that means', async () => {
  const trace = await world.trace('client', 'sctp://pod/plain:36412')
  assert.equal(trace.verdict, 'refused')
  assert.equal(last(trace), 'plain pod rejected')
  assert.equal(trace.hops.at(-1)?.say, 'arrived, but this pod’s kernel does not speak SCTP: no program here can listen')
  assert.equal(trace.reply[0]?.say, 'no: the pod’s kernel says that this protocol is not spoken there')
  assert.equal(
    trace.reply.at(-1)?.say,
    `client is told "protocol unreachable", by ${world.addressOf('plain')}, whom it asked`,
  )
})

test('a service of SCTP without pods is rejected by the node', async () => {
  const trace = await world.trace('client', 'sctp://svc/empty')
  assert.equal(trace.verdict, 'rejected')
  assert.equal(last(trace), 'node1 proxy rejected')
  assert.equal(trace.reply[0]?.say, 'node1 says no: that port is closed (ICMP: port unreachable)')
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

test('nobody has the address: the node of its range says so', async () => {
  const trace = await world.trace('client', 'sctp://100.96.2.77:1')
  assert.equal(trace.verdict, 'unreachable')
  assert.equal(last(trace), 'node2 bridge dropped')
  assert.equal(
    trace.reply[0]?.say,
    'node2 says no: 100.96.2.77 does not answer: nobody there has the address (ICMP: host unreachable)',
  )
})
