import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { address, cidr } from '../../src/base/address.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { echo } from '../../src/kernel/ping.ts'
import { addRoute, deleteRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import type { Trace } from '../../src/trace/types.ts'
import { firewall, matches, noFirewall } from './firewall.ts'
import { World } from './trace-world.ts'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('near', 'node1')
  world.pod('far', 'node2')
  world.service('web', '100.64.0.30', 80, 8080, ['far'])
  world.service('quiet', '100.64.0.31', 53, 5353, ['far'], { ports: [{ port: 53, targetPort: 5353, protocol: 'UDP' }] })
  world.teach()
  await world.web('far')
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const last = (trace: Trace): string =>
  `${trace.hops.at(-1)?.place} ${trace.hops.at(-1)?.component} ${trace.hops.at(-1)?.action}`

test('an echo request is followed to the pod’s kernel, and its reply back', async () => {
  for (const pod of ['far', 'near']) {
    const trace = await world.trace('client', `icmp://pod/${pod}`)
    assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
    assert.equal(last(trace), `${pod} pod delivered`)
    assert.match(trace.hops[0]?.say ?? '', new RegExp(`^an echo request .* sent to 100.*, pod ${pod}’s address$`))
    assert.match(trace.hops[0]?.because.text ?? '', /icmp type 8 code 0 id \d+ seq 1 ttl 64$/)
    assert.equal(trace.reply[0]?.say, 'the echo reply leaves')
    assert.equal(trace.reply.at(-1)?.place, 'client')
    assert.ok(trace.agrees, JSON.stringify(trace.why))
  }
})

test('a name alone is a pod or a node, where no service has it', async () => {
  for (const [name, place] of [
    ['far', 'far'],
    ['node2', 'node2'],
  ]) {
    const trace = await world.trace('client', `icmp://${name}`)
    assert.deepEqual([trace.verdict, trace.hops.at(-1)?.place, trace.dns], ['delivered', place, []])
  }
})

test('nodes and the router answer echoes themselves', async () => {
  for (const [to, place] of [
    ['192.168.50.11', 'node1'],
    ['192.168.50.12', 'node2'],
    ['192.168.50.1', 'router'],
  ] as const) {
    const trace = await world.trace('client', `icmp://${to}`)
    assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
    assert.equal(trace.hops.at(-1)?.place, place)
    assert.equal(trace.hops.at(-1)?.action, 'delivered')
    assert.equal(trace.reply[0]?.place, place)
    assert.ok(trace.agrees, JSON.stringify(trace.why))
  }
})

test('a service’s address does not answer echoes: the node refuses them, and says why', async () => {
  const trace = await world.trace('client', 'icmp://svc/web')
  assert.equal(trace.verdict, 'rejected')
  assert.equal(last(trace), 'node1 proxy rejected')
  assert.match(trace.hops.at(-1)?.say ?? '', /^service shop\/web takes what is for its ports, and nothing else: /)
  assert.equal(trace.reply[0]?.say, 'node1 says no: nobody takes that there (ICMP: port unreachable)')
  assert.equal(trace.reply.at(-1)?.say, 'client is told "port unreachable", by 100.96.1.1')
  assert.ok(trace.agrees, JSON.stringify(trace.why))
  const nobody = await world.trace('client', 'icmp://100.64.0.99', { timeoutMs: 200 })
  assert.equal(nobody.verdict, 'dropped')
  assert.equal(last(nobody), 'node1 proxy dropped')
})

test('a pod that ignores echoes is silent, and the last hop says so', async () => {
  const setting = 'net.ipv4.icmp_echo_ignore_all'
  writeSysctl(setting, 1, world.netns('far'))
  try {
    const trace = await world.trace('client', 'icmp://pod/far', { timeoutMs: 200 })
    assert.equal(trace.verdict, 'no-answer')
    assert.equal(trace.hops.at(-1)?.say, 'arrived, and nothing answered')
    assert.deepEqual(trace.reply, [])
  } finally {
    writeSysctl(setting, 0, world.netns('far'))
  }
})

test('other echoes between the same two are not this one', async () => {
  const to = address(world.addressOf('far'))
  const others = Promise.all(Array.from({ length: 20 }, () => echo({ ns: world.netns('client'), to, timeoutMs: 2000 })))
  const trace = await world.trace('client', 'icmp://pod/far')
  assert.ok((await others).every(({ answer }) => answer === 'reply'))
  assert.equal(trace.verdict, 'delivered')
  assert.match(trace.hops[0]?.say ?? '', /address$/)
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

test('whom nobody has: the node of the range says "host unreachable", to TCP, UDP and echoes, and nobody waits in vain', async () => {
  for (const to of ['icmp://100.96.2.77', 'udp://100.96.2.77:53', 'tcp://100.96.2.77:80']) {
    const trace = await world.trace('client', to)
    assert.equal(trace.verdict, 'unreachable', JSON.stringify(trace))
    assert.ok(trace.ms < 2000, `${to}: ${trace.ms} ms`)
    assert.equal(last(trace), 'node2 bridge dropped')
    const [first] = trace.reply
    assert.equal(first?.place, 'node2')
    assert.equal(
      first?.say,
      'node2 says no: 100.96.2.77 does not answer: nobody there has the address (ICMP: host unreachable)',
    )
    assert.match(trace.reply.at(-1)?.say ?? '', /^client is told "host unreachable", by 192\.168\.50\.12/)
  }
})

test('a port that nobody has behind a service of UDP: the pod’s error finds its way back through the translation', async () => {
  const trace = await world.trace('client', 'udp://svc/quiet')
  assert.equal(trace.verdict, 'refused')
  assert.equal(last(trace), 'far pod rejected')
  assert.equal(trace.reply[0]?.place, 'far')
  assert.equal(trace.reply.at(-1)?.say, 'client is told "port unreachable", by 100.64.0.31, whom it asked')
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

test('an error comes back through a masquerade, too: of a pod that reaches itself through a service', async () => {
  const trace = await world.trace('far', 'udp://svc/quiet')
  assert.equal(trace.verdict, 'refused')
  assert.deepEqual(
    trace.hops.filter(({ action }) => action === 'translated').map(({ after }) => after?.src.startsWith('100.96.2.1:')),
    [false, true],
  )
  assert.equal(last(trace), 'far pod rejected')
  assert.equal(trace.reply.at(-1)?.say, 'far is told "port unreachable", by 100.64.0.31, whom it asked')
})

test('packets that go in a circle end when their time to live is used up, and who ended them is told', async () => {
  using router = openRouteSocket(world.node('router'))
  const route = { to: cidr('203.0.113.0/24'), via: address('192.168.50.11') }
  router.apply(addRoute(route))
  try {
    for (const to of ['icmp://203.0.113.9', 'udp://203.0.113.9:53', 'tcp://203.0.113.9:80']) {
      const trace = await world.trace('client', to)
      assert.equal(trace.verdict, 'unreachable', JSON.stringify(trace))
      assert.equal(trace.hops.at(-1)?.action, 'dropped')
      assert.match(trace.hops.at(-1)?.say ?? '', /time to live is used up.*: thrown away$/)
      assert.match(trace.reply[0]?.say ?? '', /^(node1|router) says no: .* \(ICMP: time exceeded\)$/)
      assert.match(trace.reply.at(-1)?.say ?? '', /^client is told "time exceeded", by /)
    }
  } finally {
    router.apply(deleteRoute(route))
  }
})

test('a rule that forbids is told as one, for each protocol, by who sent the message', async () => {
  const toFar = matches(16, world.addressOf('far'))
  using nft = openNftables(world.node('node2'))
  for (const [code, name, say] of [
    [13, 'administratively prohibited', `a rule forbids this traffic to ${world.addressOf('far')}`],
    [3, 'port unreachable', 'that port is closed'],
  ] as const) {
    nft.apply(firewall({ comment: 'not here', exprs: [...toFar, { kind: 'reject', with: 'icmp', code }] }))
    try {
      for (const to of ['icmp://pod/far', 'udp://pod/far:53', 'tcp://pod/far:8080', 'sctp://pod/far:1']) {
        const trace = await world.trace('client', to)
        assert.equal(trace.verdict, 'rejected', `${to}: ${JSON.stringify(trace)}`)
        assert.equal(last(trace), 'node2 policy rejected')
        assert.equal(
          trace.hops.at(-1)?.because.text.includes('firewall guard: "not here"'),
          true,
          JSON.stringify(trace),
        )
        const said = code === 3 && to.startsWith('icmp') ? 'nobody takes that there' : say
        assert.equal(trace.reply[0]?.say, `node2 says no: ${said} (ICMP: ${name})`)
        assert.match(trace.reply.at(-1)?.say ?? '', new RegExp(`^client is told "${name}", by `))
      }
    } finally {
      nft.apply(noFirewall())
    }
  }
})
