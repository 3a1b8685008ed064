import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Hop, Trace } from '../../src/trace/types.ts'
import { World } from './trace-world.ts'

// From a node's own sockets, and from the machine outside, to each kind of destination.

let world: World
before(async () => {
  world = new World()
  world.pod('near', 'node1')
  world.pod('far', 'node2')
  world.pod('agent', 'node1', {}, 'shop', { hostNetwork: true })
  world.pod('exporter', 'node2', {}, 'shop', { hostNetwork: true })
  world.service('near-svc', '100.64.0.20', 80, 8080, ['near'])
  world.service('far-svc', '100.64.0.21', 80, 8080, ['far'])
  world.service('nobody', '100.64.0.22', 80, 8080, [])
  world.service('open', '100.64.0.23', 80, 8080, ['far'], {
    type: 'NodePort',
    ports: [{ port: 80, targetPort: 8080, protocol: 'TCP', nodePort: 30080 }],
  })
  world.teach()
  await Promise.all([world.web('near'), world.web('far'), world.web('exporter', 9100)])
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const brief = (hops: readonly Hop[]): string[] =>
  hops.map(({ place, component, action }) => `${place} ${component} ${action}`)

function delivered(trace: Trace): void {
  assert.equal(trace.verdict, 'delivered', JSON.stringify(trace, null, 1))
  assert.ok(trace.agrees, JSON.stringify(trace.why))
  const times = [...trace.hops, ...trace.reply].map(({ us }) => us ?? Number.NaN)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
}

test('a node reaches a pod of its own bridge with the bridge’s address, as its kernel chooses', async () => {
  const trace = await world.trace('node/node1', 'pod/near:8080')
  delivered(trace)
  assert.equal(trace.from, 'node1')
  assert.deepEqual(brief(trace.hops), ['node1 app sent', 'node1 bridge forwarded', 'near app delivered'])
  assert.match(trace.hops[0]?.packet.src ?? '', /^100\.96\.1\.1:\d+$/)
  assert.deepEqual(brief(trace.reply), ['near app answered', 'node1 veth forwarded', 'node1 bridge delivered'])
  assert.match(trace.reply.at(-1)?.say ?? '', /^node1 has its answer, from 100\.96\.1\.\d+:8080, whom it asked$/)
})

test('a node reaches a pod of another node through the router', async () => {
  const trace = await world.trace('node/node1', 'pod/far:8080')
  delivered(trace)
  assert.deepEqual(brief(trace.hops), [
    'node1 app sent',
    'node1 route forwarded',
    'router route forwarded',
    'node2 bridge forwarded',
    'far app delivered',
  ])
  assert.equal(trace.reply.at(-1)?.place, 'node1')
})

test('what a node sends to a service is shown as its socket sent it, and as the rules made it', async () => {
  for (const [to, pod] of [
    ['svc/near-svc', 'near'],
    ['http://100.64.0.21/', 'far'],
  ] as const) {
    const trace = await world.trace('node/node1', to)
    delivered(trace)
    const [sent, chosen, masked] = trace.hops
    assert.match(sent?.packet.dst ?? '', /^100\.64\.0\.2\d:80$/)
    assert.match(sent?.say ?? '', /a service’s address: no machine has it$/)
    assert.equal(chosen?.after?.dst, `${world.addressOf(pod)}:8080`)
    assert.match(chosen?.because.text ?? '', /kubehop .* -> accept/)
    assert.match(masked?.say ?? '', /^the sender becomes 1\S+, this node: the answer has to come back through here$/)
    // Packet sockets never see the answer as the program gets it: the rules' trace does.
    const back = trace.reply.at(-1)
    assert.equal(back?.packet.src, sent?.packet.dst)
    assert.equal(back?.packet.dst, sent?.packet.src)
    assert.equal(back?.say, `node1 has its answer, from ${sent?.packet.dst}, whom it asked`)
  }
})

test('a service without endpoints is rejected in the node’s own output', async () => {
  const trace = await world.trace('node/node1', 'svc/nobody')
  assert.equal(trace.verdict, 'rejected')
  assert.deepEqual(brief(trace.hops), ['node1 app sent', 'node1 proxy rejected'])
  assert.match(trace.hops.at(-1)?.because.text ?? '', /a service without endpoints/)
  assert.match(trace.reply.at(-1)?.say ?? '', /^node1 is told no/)
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

test('a node asks in vain for an address of its own range', async () => {
  const trace = await world.trace('node/node1', '100.96.1.77:80')
  assert.equal(trace.verdict, 'unreachable')
  assert.deepEqual(brief(trace.hops), ['node1 pod dropped'])
  assert.equal(trace.hops[0]?.say, '"who has 100.96.1.77?": nobody answered, so nothing could be sent')
  assert.deepEqual(trace.reply, [])
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

test('a node reaches node ports, and programs of other nodes and of itself', async () => {
  const port = await world.trace('node/node1', 'http://192.168.50.12:30080/')
  delivered(port)
  assert.equal(port.hops.at(-1)?.place, 'far')
  const other = await world.trace('node/node1', 'node/node2:9100')
  delivered(other)
  assert.match(
    other.hops.at(-1)?.say ?? '',
    /^for 192\.168\.50\.12, node2 itself: port 9100: node, process \d+, listens and answers$/,
  )
  const self = await world.trace('node/node2', 'node/node2:9100')
  delivered(self)
  assert.deepEqual(
    self.hops.map(({ device, action }) => `${device} ${action}`),
    ['lo sent', 'lo delivered'],
  )
  const nobody = await world.trace('node/node1', 'node/node2:9101')
  assert.equal(nobody.verdict, 'refused')
  assert.match(nobody.hops.at(-1)?.say ?? '', /node2 itself: nobody listens on port 9101$/)
  assert.ok(nobody.agrees, JSON.stringify(nobody.why))
})

test('a node sends datagrams and echoes, too', async () => {
  await world.program(
    'far',
    `const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => s.send(m, r.port, r.address)).bind(7007, () => console.log('ready'))`,
  )
  delivered(await world.trace('node/node1', 'udp://pod/far:7007'))
  delivered(await world.trace('node/node1', 'icmp://pod/far'))
})

test('a pod on its node’s network is its node, as sender and as receiver, and that is said', async () => {
  const sender = await world.trace('agent', 'pod/far:8080')
  assert.equal(sender.verdict, 'delivered')
  assert.equal(sender.from, 'node1')
  assert.deepEqual(brief(sender.hops).slice(0, 2), ['node1 app sent', 'node1 route forwarded'])
  assert.deepEqual(
    sender.why.map(({ code, say }) => `${code}: ${say}`),
    ['HostNetwork: pod shop/agent has no network of its own (hostNetwork): what it sends, node1 sends'],
  )
  const receiver = await world.trace('near', 'pod/exporter:9100')
  assert.equal(receiver.verdict, 'delivered')
  assert.equal(receiver.hops.at(-1)?.place, 'node2')
  assert.deepEqual(
    receiver.why.map(({ say }) => say),
    [
      'pod shop/exporter has no network of its own (hostNetwork): 192.168.50.12 is node2’s address, and what is sent there arrives at node2',
    ],
  )
})

test('the machine outside reaches pods, programs of nodes and node ports through the router', async () => {
  const pod = await world.trace('outside', 'pod/far:8080')
  delivered(pod)
  assert.equal(pod.from, 'outside')
  assert.deepEqual(brief(pod.hops), [
    'outside app sent',
    'outside route forwarded',
    'router route forwarded',
    'node2 bridge forwarded',
    'far app delivered',
  ])
  assert.match(pod.hops[0]?.packet.src ?? '', /^198\.51\.100\.2:\d+$/)
  assert.equal(pod.reply.at(-1)?.place, 'outside')
  delivered(await world.trace('outside', 'node/node2:9100'))
  const open = await world.trace('outside', 'svc/open')
  delivered(open)
  // The first node has no pod of it, and brings the packet on.
  assert.equal(open.hops[0]?.packet.dst, '192.168.50.11:30080')
  assert.match(open.hops[0]?.say ?? '', /the node port of service shop\/open on node1$/)
  assert.equal(open.hops.at(-1)?.place, 'far')
  assert.match(open.hops.find(({ action }) => action === 'translated')?.say ?? '', /^service shop\/open: /)
})

test('a service’s own address means nothing outside, and the router says so', async () => {
  const trace = await world.trace('outside', 'svc/far-svc')
  assert.equal(trace.verdict, 'unreachable')
  assert.equal(
    trace.hops.at(-1)?.say,
    '100.64.0.21 is service shop/far-svc’s, which only nodes understand: no line of the table is for 100.64.0.21: thrown away',
  )
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

test('outside there is no name server of the cluster', async () => {
  const trace = await world.trace('outside', 'http://far-svc/')
  assert.equal(trace.verdict, 'name-not-found')
  assert.deepEqual([trace.dns, trace.hops], [[], []])
  assert.ok(trace.agrees)
  const [why] = trace.why
  assert.equal(why?.code, 'OutsideNames')
  assert.equal(why?.fix, 'name the object: svc/far-svc means its load balancer’s address or a node port')
})
