import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Trace } from '../../src/trace/types.ts'
import { World } from './trace-world.ts'

// Load balancers' addresses and external IPs: rules take the ports of their service, and nothing else.

const balanced = '203.0.113.7'
const external = '203.0.113.8'
const amongPods = '100.96.1.200'
let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('far', 'node2')
  world.service('web', '100.64.0.30', 80, 8080, ['far'], { type: 'LoadBalancer' })
  world.balance('web', balanced)
  world.service('inside', '100.64.0.31', 80, 8080, ['far'], { type: 'LoadBalancer' })
  world.balance('inside', amongPods)
  world.service('ext', '100.64.0.32', 80, 8080, ['far'], { externalIPs: [external] })
  world.teach()
  await world.web('far')
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const says = ({ hops }: Trace): string => hops.map(({ place, say }) => `${place}: ${say}`).join('\n')
const why = (trace: Trace, code: string): string => {
  const found = trace.why.find((one) => one.code === code)
  return `${found?.say} -- ${found?.fix}`
}

test('a port that a load balancer’s service lacks is left alone by the rules, goes in a circle, and is told and foretold so', async () => {
  for (const from of ['client', 'outside'])
    for (const [to, what] of [
      [`${balanced}:81`, 'has no port 81/TCP'],
      [`udp://${balanced}:80`, 'has no port 80/UDP'],
      [`icmp://${balanced}`, 'takes no echoes'],
    ] as const) {
      const trace = await world.trace(from, to)
      const where = `${from} ${to}: ${JSON.stringify(trace)}`
      assert.equal(trace.verdict, 'unreachable', where)
      assert.deepEqual(trace.expected, ['unreachable'], where)
      assert.ok(trace.agrees, where)
      const left = `node1: service shop/web ${what}, and of an address like ${balanced} rules take its ports alone: ${balanced} is not here: to the router`
      assert.ok(says(trace).includes(left), where)
      assert.ok(
        trace.predicted.some(({ say }) => left.endsWith(say)),
        where,
      )
      assert.match(trace.hops.at(-1)?.say ?? '', /time to live is used up.*: thrown away$/)
      assert.match(trace.predicted.at(-1)?.say ?? '', /^it goes in a circle, /)
      assert.match(
        why(trace, 'SaidNo'),
        / -- ask 203\.0\.113\.7 for a port of its service: nodes translate these alone/,
      )
    }
  for (const from of ['client', 'outside', 'node/node1'])
    assert.equal((await world.trace(from, `${balanced}:80`)).verdict, 'delivered')
})

test('what a node sent itself comes back to it and is believed by nobody', async () => {
  for (const to of [`${balanced}:81`, `udp://${balanced}:80`, `icmp://${balanced}`]) {
    const trace = await world.trace('node/node1', to, { timeoutMs: 300 })
    assert.equal(trace.verdict, 'no-answer')
    assert.ok(trace.agrees, JSON.stringify(trace))
    const say = 'comes from a wire, and its sender 192.168.50.11 is node1 itself: no kernel believes that'
    assert.deepEqual([trace.hops.at(-1)?.say, trace.predicted.at(-1)?.say], [say, say])
  }
})

test('a port that an external IP’s service lacks is refused by nobody: the way ends where no route is', async () => {
  const trace = await world.trace('client', `${external}:81`)
  assert.equal(trace.verdict, 'unreachable')
  assert.ok(trace.agrees, JSON.stringify(trace))
  assert.match(says(trace), /node1: service shop\/ext has no port 81\/TCP, and of an address like /)
  assert.equal(
    why(trace, 'NoSuchPort'),
    `service shop/ext has no port 81/TCP; it has 80/TCP; ${external} is not its cluster IP, so nobody says so: what is for other ports goes on as for an address of anybody -- ask for port 80, or add port 81 to the service`,
  )
  assert.match(why(trace, 'SaidNo'), / -- ask 203\.0\.113\.8 for a port of its service: /)
  assert.equal((await world.trace('client', `${external}:80`)).verdict, 'delivered')
})

test('an address for the outside among those of pods is a pod’s: no router leads it in a circle, and the reason is told', async () => {
  for (const from of ['client', 'outside', 'node/node2']) {
    const trace = await world.trace(from, `${amongPods}:80`)
    assert.equal(trace.verdict, 'unreachable')
    assert.ok(trace.agrees, JSON.stringify(trace))
    assert.equal(trace.hops.filter(({ place }) => place === 'router').length, from === 'client' ? 0 : 1)
    assert.equal(
      why(trace, 'AddressInRange'),
      `service shop/inside has the address ${amongPods} for the outside, which is in the range 100.96.1.0/24 of the pods of node1: there it is a pod’s, and no rule takes it for the service -- let whoever gives load balancers their addresses choose from a range that is none of the cluster’s`,
    )
  }
})
