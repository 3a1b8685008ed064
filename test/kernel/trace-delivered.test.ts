import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Hop, Trace } from '../../src/trace/types.ts'
import { World } from './trace-world.ts'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('near', 'node1')
  world.pod('far', 'node2')
  world.service('near-svc', '100.64.0.20', 80, 8080, ['near'])
  world.service('far-svc', '100.64.0.21', 80, 8080, ['far'])
  world.service('self', '100.64.0.22', 80, 8080, ['client'])
  world.service('both', '100.64.0.23', 80, 8080, ['near', 'far'])
  world.service('echo', '100.64.0.24', 7, 7007, ['far'], { ports: [{ port: 7, targetPort: 7007, protocol: 'UDP' }] })
  world.teach()
  await Promise.all([world.web('client'), world.web('near'), world.web('far')])
  await world.echo('far', 7007)
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

/** `place component action`, the part of a hop that does not change from run to run. */
const brief = (hops: readonly Hop[]): string[] =>
  hops.map(({ place, component, action }) => `${place} ${component} ${action}`)

function delivered(trace: Trace): void {
  assert.equal(trace.verdict, 'delivered')
  assert.ok(trace.agrees, JSON.stringify(trace.why))
  assert.deepEqual(trace.why, [])
  const times = [...trace.hops, ...trace.reply].map(({ us }) => us ?? Number.NaN)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
}

test('a pod on the same node is reached over the bridge', async () => {
  const trace = await world.trace('client', 'pod/near:8080')
  delivered(trace)
  assert.deepEqual(brief(trace.hops), [
    'client pod sent',
    'node1 veth forwarded',
    'node1 bridge forwarded',
    'near app delivered',
  ])
  assert.deepEqual(brief(trace.reply), [
    'near app answered',
    'node1 veth forwarded',
    'node1 bridge forwarded',
    'client pod delivered',
  ])
  assert.match(trace.hops.at(-1)?.say ?? '', /^port 8080: node, process \d+, listens and answers$/)
})

test('a pod on another node is reached through the router’s table', async () => {
  const trace = await world.trace('client', 'pod/far:8080')
  delivered(trace)
  assert.deepEqual(brief(trace.hops), [
    'client pod sent',
    'node1 veth forwarded',
    'node1 bridge forwarded',
    'node1 route forwarded',
    'router route forwarded',
    'node2 bridge forwarded',
    'far app delivered',
  ])
  assert.deepEqual(brief(trace.reply), [
    'far app answered',
    'node2 veth forwarded',
    'node2 bridge forwarded',
    'node2 route forwarded',
    'router route forwarded',
    'node1 bridge forwarded',
    'client pod delivered',
  ])
  const table = trace.hops.find(({ place }) => place === 'router')
  assert.equal(table?.say, '100.96.2.0/24 belongs to node2 (192.168.50.12)')
  assert.equal(table?.because.text, '100.96.2.0/24 via 192.168.50.12 dev eth0')
})

test('a service’s address becomes a pod’s, and is put back for the answer', async () => {
  const trace = await world.trace('client', 'http://100.64.0.21/')
  delivered(trace)
  assert.equal(trace.status, '200 OK')
  const there = trace.hops.find(({ component }) => component === 'proxy')
  assert.equal(there?.packet.dst, '100.64.0.21:80')
  assert.equal(there?.after?.dst, `${world.addressOf('far')}:8080`)
  assert.match(
    there?.say ?? '',
    /^service shop\/far-svc: 100\.64\.0\.21:80 becomes 100\.96\.2\.\d+:8080, pod far, the only one$/,
  )
  assert.match(there?.because.text ?? '', /goto pick-1; kubehop pick-1: .* -> accept/)
  const back = trace.reply.find(({ component }) => component === 'proxy')
  assert.equal(back?.after?.src, '100.64.0.21:80')
  assert.match(back?.say ?? '', /so client never saw far$/)
})

test('a service on the same node is translated before the bridge forwards', async () => {
  const trace = await world.trace('client', 'svc/near-svc')
  delivered(trace)
  assert.deepEqual(brief(trace.hops), [
    'client pod sent',
    'node1 veth forwarded',
    'node1 proxy translated',
    'node1 bridge forwarded',
    'near app delivered',
  ])
})

test('a pod that reaches itself through its service is masqueraded, and the answer comes back through the node', async () => {
  const trace = await world.trace('client', 'svc/self')
  delivered(trace)
  assert.deepEqual(brief(trace.hops), [
    'client pod sent',
    'node1 veth forwarded',
    'node1 proxy translated',
    'node1 proxy translated',
    'node1 bridge forwarded',
    'client app delivered',
  ])
  const [, masquerade] = trace.hops.filter(({ component }) => component === 'proxy')
  assert.match(masquerade?.after?.src ?? '', /^100\.96\.1\.1:\d+$/)
  const back = trace.reply.filter(({ component }) => component === 'proxy')
  assert.equal(back.length, 2)
  assert.match(back.at(-1)?.say ?? '', /, so client does not see that it answers itself$/)
})

test('whichever endpoint is drawn, the prediction holds, and both are drawn', async () => {
  const drawn = new Set<string>()
  for (let i = 0; i < 40 && drawn.size < 2; i++) {
    const trace = await world.trace('client', 'svc/both')
    delivered(trace)
    assert.match(trace.hops.find(({ component }) => component === 'proxy')?.say ?? '', /, one of 2$/)
    drawn.add(trace.hops.at(-1)?.place ?? '')
  }
  assert.deepEqual([...drawn].sort(), ['far', 'near'])
})

test('a datagram is followed by its payload, though its echo has the same', async () => {
  const trace = await world.trace('client', 'udp://svc/echo')
  delivered(trace)
  assert.equal(trace.hops.at(-1)?.place, 'far')
  assert.equal(trace.reply[0]?.place, 'far')
  assert.equal(trace.reply.at(-1)?.place, 'client')
  assert.equal(trace.reply.filter(({ component }) => component === 'proxy').length, 1)
})

test('traces at the same time do not see each other', async () => {
  const targets = ['pod/near:8080', 'svc/far-svc', 'svc/near-svc', 'pod/far:8080']
  const traces = await Promise.all(targets.map((to) => world.trace('client', to)))
  for (const trace of traces) delivered(trace)
  assert.deepEqual(
    traces.map(({ hops }) => hops.at(-1)?.place),
    ['near', 'far', 'near', 'far'],
  )
})
