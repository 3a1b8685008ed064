import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Hop, Trace } from '../../src/trace/types.ts'
import { World } from './trace-world.ts'

// Ports of nodes that lead to pods, limited pods, load balancers' addresses, a machine's own loopback.

let world: World
before(async () => {
  world = new World()
  const hostPorts = [{ hostPort: 8888, containerPort: 8080 }]
  world.pod('client', 'node1')
  world.pod('near', 'node1', {}, 'shop', { hostPorts, bandwidth: true })
  world.pod('far', 'node2', {}, 'shop', { hostPorts })
  const nodePort = [{ port: 80, targetPort: 8080, protocol: 'TCP' as const, nodePort: 30081 }]
  world.service('big', '100.64.0.24', 80, 8080, ['far'], { type: 'LoadBalancer', ports: nodePort })
  world.service('own', '100.64.0.25', 80, 8080, ['far'], {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    ports: [{ port: 80, targetPort: 8080, protocol: 'TCP', nodePort: 30082 }],
  })
  world.service('lent', '100.64.0.26', 80, 8080, ['far'], { externalIPs: ['203.0.113.9'] })
  world.balance('big', '203.0.113.7')
  world.balance('own', '203.0.113.8')
  world.teach()
  await Promise.all([world.web('near'), world.web('far'), world.web('client', 7000, '127.0.0.1')])
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const devices = (hops: readonly Hop[]): string[] => hops.map(({ place, device }) => `${place} ${device}`)

function delivered(trace: Trace): Trace {
  assert.equal(trace.verdict, 'delivered', JSON.stringify(trace, null, 1))
  assert.ok(trace.agrees, JSON.stringify(trace.why))
  return trace
}

test('a port of a node belongs to a pod, and whose it is is said', async () => {
  for (const from of ['client', 'outside', 'node/node1']) {
    const trace = delivered(await world.trace(from, 'node/node2:8888'))
    assert.match(trace.hops[0]?.say ?? '', /the host port of pod (shop\/)?far on node2$/)
    const translated = trace.hops.find(({ action }) => action === 'translated')
    assert.equal(translated?.place, 'node2')
    assert.match(
      translated?.say ?? '',
      /^port 8888 of node2 belongs to pod (shop\/)?far \(hostPort\): 192\.168\.50\.12:8888 becomes 100\.96\.2\.\d+:8080$/,
    )
    assert.match(
      translated?.because.text ?? '',
      /kubehop-hostports translate: "published at all of the node’s addresses"/,
    )
    assert.equal(trace.hops.at(-1)?.place, 'far')
  }
})

test('the node itself and the pod itself reach the port, too, as the node', async () => {
  for (const [from, to, sender] of [
    ['node/node1', '127.0.0.1:8888', /^100\.96\.1\.1:/],
    ['node/node1', 'node/node1:8888', /^192\.168\.50\.11:/],
    ['near', 'node/node1:8888', /^100\.96\.1\.1:/],
  ] as const) {
    const trace = delivered(await world.trace(from, to))
    assert.match(
      trace.hops.find(({ action }) => action === 'translated')?.say ?? '',
      /port 8888 of node1 belongs to pod/,
    )
    assert.equal(trace.hops.at(-1)?.place, 'near')
    assert.match(trace.hops.at(-1)?.packet.src ?? '', sender)
  }
})

test('the detour of a pod with a limit is no hop of its own', async () => {
  const trace = delivered(await world.trace('client', 'pod/near:8080'))
  assert.ok(
    ![...trace.hops, ...trace.reply].some(({ device }) => device.startsWith('ifb')),
    devices(trace.reply).join(),
  )
  assert.match(
    trace.reply[1]?.say ?? '',
    /^out of the other end of near’s cable, and through ifb-\d+, where what it sends waits as its bandwidth limit says$/,
  )
})

test('a load balancer’s address leads from outside to a node that answers, and nobody else’s does', async () => {
  const big = delivered(await world.trace('outside', 'svc/big'))
  assert.equal(big.hops[0]?.packet.dst, '203.0.113.7:80')
  const atRouter = big.hops.find(({ place }) => place === 'router')
  assert.equal(atRouter?.say, '203.0.113.7 is an address of service shop/big: node1 is to take it')
  assert.equal(big.hops.at(-1)?.place, 'far')
  const own = delivered(await world.trace('outside', 'http://203.0.113.8/'))
  assert.equal(own.status, '200 OK')
  assert.equal(
    own.hops.find(({ place }) => place === 'router')?.say,
    '203.0.113.8 is an address of service shop/own: node2 is to take it',
  )
  // externalTrafficPolicy Local keeps the sender's address.
  assert.match(own.hops.at(-1)?.packet.src ?? '', /^198\.51\.100\.2:/)
  const lent = await world.trace('outside', '203.0.113.9:80')
  assert.equal(lent.verdict, 'unreachable')
  assert.match(lent.hops.at(-1)?.say ?? '', /no line of the table is for 203\.0\.113\.9: thrown away$/)
  assert.ok(lent.agrees, JSON.stringify(lent.why))
})

test('a pod reaches its own loopback from its loopback', async () => {
  const trace = delivered(await world.trace('client', '127.0.0.1:7000'))
  assert.deepEqual(devices(trace.hops), ['client lo', 'client lo'])
  assert.match(trace.hops[0]?.packet.src ?? '', /^127\.0\.0\.1:/)
  assert.match(trace.hops[0]?.say ?? '', /sent to 127\.0\.0\.1:7000, client itself$/)
})
