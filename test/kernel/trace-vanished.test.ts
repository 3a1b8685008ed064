// A packet that no rule was against, and that nobody saw again: what is told of where it ended is true, is what was foretold, and its cause is named.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { address, cidr } from '../../src/base/address.ts'
import type { Expr } from '../../src/kernel/nftables/expr/index.ts'
import { packAddress } from '../../src/kernel/nftables/packed.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import type { Transaction } from '../../src/kernel/nftables/transaction.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import type { Mac } from '../../src/kernel/rtnetlink/mac.ts'
import { deleteNeighbour, setNeighbour } from '../../src/kernel/rtnetlink/neighbour.ts'
import { addRoute, deleteRoute, type Route } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import { matches, noFirewall } from './firewall.ts'
import type { Fault } from './trace-why-faults.ts'
import { World } from './trace-world.ts'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('far', 'node2', { app: 'web' })
  // The bridge has another port, to which it sends what it knows no port for.
  world.pod('other', 'node2')
  world.teach()
  await world.web('far')
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const nobody = '02:00:00:00:0b:ad' as Mac

const line =
  (make: (world: World) => Omit<Route, 'scope'>): Fault =>
  (world) => {
    const route = make(world)
    using socket = openRouteSocket(world.node('node2'))
    socket.apply(addRoute({ ...route, scope: route.kind === undefined ? 253 : 0 }))
    return () => {
      using again = openRouteSocket(world.node('node2'))
      again.apply(deleteRoute(route))
    }
  }

const refusing = (kind: 'blackhole' | 'unreachable' | 'prohibit', pod: string): Fault =>
  line((world) => ({ to: cidr(`${world.addressOf(pod)}/32`), kind }))

/** node2 would answer the client by its bridge; `filter` is what it makes of that. */
const wrongWay =
  (filter: number): Fault =>
  (world) => {
    using socket = openRouteSocket(world.node('node2'))
    const index = socket.link('cbr0')?.index ?? assert.fail()
    const mend = line(() => ({ to: cidr('100.96.1.0/24'), index }))(world)
    writeSysctl('net.ipv4.conf.eth0.rp_filter', filter, world.node('node2'))
    return () => {
      mend()
      writeSysctl('net.ipv4.conf.eth0.rp_filter', 0, world.node('node2'))
    }
  }

const entered: Fault = (world) => {
  using socket = openRouteSocket(world.node('node2'))
  const index = socket.link('cbr0')?.index ?? assert.fail()
  const far = { address: address(world.addressOf('far')), index }
  socket.apply(setNeighbour({ ...far, mac: nobody }))
  return () => {
    using again = openRouteSocket(world.node('node2'))
    again.apply(deleteNeighbour(far))
  }
}

/** While node2 still knows the pod's Ethernet address: it has just been asked. */
const unplugged: Fault = (world) => {
  using inside = openRouteSocket(world.netns('far'))
  const port = inside.link('eth0')?.peer?.index ?? assert.fail()
  const set = (up: boolean): void => {
    using socket = openRouteSocket(world.node('node2'))
    socket.apply(setLink(port, { up }))
  }
  set(false)
  return () => set(true)
}

const noOwnRange: Fault = (world) => {
  const range = cidr('100.96.2.0/24')
  using socket = openRouteSocket(world.node('node2'))
  const index = socket.link('cbr0')?.index ?? assert.fail()
  socket.apply(deleteRoute({ to: range }))
  return () => {
    using again = openRouteSocket(world.node('node2'))
    again.apply(addRoute({ to: range, index, source: address('100.96.2.1'), scope: 253 }))
  }
}

// What is broken; what a hop says of it, and the reason.
const rows: readonly [title: string, fault: Fault, hop: RegExp, why: RegExp, fix: RegExp][] = [
  [
    'a line that throws away',
    refusing('blackhole', 'far'),
    /^node2: a line of the routing table \(blackhole\) throws away what is for 100\.96\.2\.2$/m,
    /it came to node2 by eth0 and did not go on: a line of the routing table \(blackhole\)/,
    /^on node2: ip route del blackhole 100\.96\.2\.2\/32$/,
  ],
  [
    'a line that throws the answer away',
    refusing('blackhole', 'client'),
    /^node2: nothing after this place saw it$/m,
    /the answer was lost on its way.*: a line of the routing table \(blackhole\) throws away what is for 100\.96\.1\.2$/,
    /^on node2: ip route del blackhole 100\.96\.1\.2\/32$/,
  ],
  [
    'a line that says unreachable',
    refusing('unreachable', 'far'),
    /^node2: a line of the routing table \(unreachable\) lets nothing go on to 100\.96\.2\.2$/m,
    /^node2 said no .*: a line of the routing table \(unreachable\) .* \(ICMP: host unreachable\)$/,
    /^on node2: ip route del unreachable 100\.96\.2\.2\/32$/,
  ],
  [
    'a line that forbids',
    refusing('prohibit', 'far'),
    /^node2: a line of the routing table \(prohibit\) forbids 100\.96\.2\.2: refused with an ICMP message$/m,
    /^node2 said no .*: a line of the routing table \(prohibit\) forbids 100\.96\.2\.2 \(ICMP: administratively prohibited\)$/,
    /^on node2: ip route del prohibit 100\.96\.2\.2\/32$/,
  ],
  [
    'an Ethernet address that was entered, and that nobody has',
    entered,
    /^node2: sent to 02:00:00:00:0b:ad: cbr0 does not know behind which port that is, and nobody took it$/m,
    /somebody entered there for 100\.96\.2\.2 \(permanent\), and none of the machines that were watched has that$/,
    /^on node2: ip neigh del 100\.96\.2\.2 dev cbr0$/,
  ],
  [
    'a cable that was pulled a moment ago',
    unplugged,
    /^node2: (sent to .*: cbr0 does not know behind which port that is, and nobody took it|"who has 100\.96\.2\.2\?": nobody answered)$/m,
    /: veth\d+, its end of pod shop\/far’s cable, is down$/,
    /^on node2: ip link set veth\d+ up$/,
  ],
  [
    'a card that takes nothing from whom it would answer by another one',
    wrongWay(1),
    /^node2: came in for 100\.96\.2\.2, and did not go on$/m,
    /nothing from 100\.96\.1\.2 is taken that comes by eth0: rp_filter is on there, and its own way to 100\.96\.1\.2 is by cbr0$/,
    /^mend the way of node2 to 100\.96\.1\.2 .*, or set rp_filter to 0 for eth0 and for all$/,
  ],
  [
    'a way back by the wrong card, which is taken (rp_filter 2)',
    wrongWay(2),
    /^node2: "who has 100\.96\.1\.2\?": nobody answered$/m,
    /the answer was lost on its way|node2 said no/,
    /./,
  ],
  [
    'a node without a route to its own pods',
    noOwnRange,
    /^node2: 100\.96\.2\.2 is in my own range 100\.96\.2\.0\/24, and no line of the routing table leads to my pods: to the router$/m,
    /^router said no .*it goes in a circle/,
    /ip route get 100\.96\.2\.2/,
  ],
]

for (const [title, fault, hop, why, fix] of rows)
  test(`${title}: told as it is, as foretold, with its cause`, async () => {
    // Everybody knows everybody.
    assert.equal((await world.trace('client', 'pod/far:8080')).verdict, 'delivered')
    const mend = fault(world)
    const trace = await world.trace('client', 'pod/far:8080', { timeoutMs: 500 }).finally(mend)
    assert.notEqual(trace.verdict, 'delivered')
    const told = [...trace.hops, ...trace.reply].map(({ place, say }) => `${place}: ${say}`).join('\n')
    assert.match(told, hop)
    assert.equal(trace.why.length, 1, JSON.stringify(trace.why, null, 1))
    assert.match(trace.why[0]?.say ?? '', why)
    assert.match(trace.why[0]?.fix ?? '', fix)
    assert.ok(trace.agrees, JSON.stringify(trace.why, null, 1))
  })

test('a card that takes only what it would answer by itself changes nothing where all is well', async () => {
  for (const name of ['node1', 'node2']) writeSysctl('net.ipv4.conf.all.rp_filter', 1, world.node(name))
  const trace = await world.trace('client', 'pod/far:8080')
  for (const name of ['node1', 'node2']) writeSysctl('net.ipv4.conf.all.rp_filter', 0, world.node(name))
  assert.deepEqual([trace.verdict, trace.agrees, trace.why], ['delivered', true, []])
})

test('a pod that only somebody’s rule leads to is not watched, and that is no difference', async () => {
  await world.web('other')
  using nft = openNftables(world.node('node2'))
  const hook = { type: 'nat', hook: 'prerouting', priority: -110, policy: 'accept' } as const
  const exprs: Expr[] = [
    ...matches(16, world.addressOf('far')),
    { kind: 'immediate', to: 0, value: packAddress(address(world.addressOf('other'))) },
    { kind: 'nat', type: 'dnat', family: 'ip', address: 0, flags: [] },
  ]
  const ops: Transaction['ops'] = [
    { op: 'add table' },
    { op: 'add chain', chain: { name: 'guard', hook } },
    { op: 'add rule', chain: 'guard', rule: { exprs } },
  ]
  nft.apply({ table: { family: 'ip', name: 'firewall' }, ops })
  const trace = await world.trace('client', 'pod/far:8080').finally(() => nft.apply(noFirewall()))
  assert.ok(trace.hops.some(({ after }) => after?.dst === `${world.addressOf('other')}:8080`))
  assert.deepEqual([trace.verdict, trace.agrees, trace.why], ['delivered', true, []])
})
