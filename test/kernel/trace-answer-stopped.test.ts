import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { HookName } from '../../src/kernel/nftables/chain.ts'
import type { Expr } from '../../src/kernel/nftables/expr/index.ts'
import { packU8 } from '../../src/kernel/nftables/packed.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import type { Trace } from '../../src/trace/types.ts'
import { drop, firewall, noFirewall } from './firewall.ts'
import { World } from './trace-world.ts'

// Rules are against what answers a request, and against nothing else: the request itself arrives.

/** A load balancer's address: what is for a port that its service lacks goes in a circle. */
const circling = '203.0.113.7'
let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('far', 'node2')
  const ports = [{ port: 53, targetPort: 5353, protocol: 'UDP' as const }]
  world.service('quiet', '100.64.0.31', 53, 5353, ['far'], { ports })
  world.service('web', '100.64.0.30', 80, 8080, ['far'])
  world.service('outer', '100.64.0.33', 80, 8080, ['far'], { type: 'LoadBalancer' })
  world.balance('outer', circling)
  world.service('nobody', '100.64.0.32', 80, 8080, [])
  world.teach()
  await world.web('far')
  // A kernel sends one peer six errors, then one a second.
  for (const place of ['far', 'router', 'node1', 'node2']) writeSysctl('net.ipv4.icmp_ratelimit', 0, world.netns(place))
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const ofProtocol = (protocol: number, ...more: Expr[]): Expr[] => [
  { kind: 'meta', key: 'l4proto', to: 0 },
  { kind: 'cmp', from: 0, op: 'eq', value: packU8(protocol) },
  ...more,
]
const byteIs = (offset: number, value: number): Expr[] => [
  { kind: 'payload', base: 'transport', offset, length: 1, to: 0 },
  { kind: 'cmp', from: 0, op: 'eq', value: packU8(value) },
]
const errors = ofProtocol(1, ...byteIs(0, 3))
const echoReplies = ofProtocol(1, ...byteIs(0, 0))
const synAcks = ofProtocol(6, ...byteIs(13, 0x12))
const resets = ofProtocol(6, ...byteIs(13, 0x14))

/** A rule as long as it lasts. */
function guard(place: string, hook: HookName, priority: number, match: Expr[], refuses = false): Disposable {
  const nft = openNftables(world.node(place))
  const end: Expr = refuses ? { kind: 'reject', with: 'icmp', code: 13 } : drop
  nft.apply(firewall({ comment: 'no answers', exprs: [...match, end] }, { hook, priority }))
  return {
    [Symbol.dispose]() {
      nft.apply(noFirewall())
      nft.close()
    },
  }
}

const end = ({ reply }: Trace): string => {
  const last = reply.at(-1)
  return `${last?.place} ${last?.component} ${last?.action}: ${last?.say} (${last?.because.text})`
}
const byRule = 'firewall guard: "no answers" -> drop'

test('a rule that throws an answer away on its way is named, and was foretold, in every hook and before and behind a translation', async () => {
  for (const [to, match, what] of [
    ['udp://pod/far:53', errors, '"port unreachable"'],
    ['udp://svc/quiet', errors, '"port unreachable"'],
    ['icmp://pod/far', echoReplies, 'answer'],
    ['svc/web', synAcks, 'answer'],
    ['pod/far:81', resets, 'answer'],
  ] as const)
    for (const [node, hook, priority] of [
      ['node2', 'prerouting', -150],
      ['node2', 'forward', 0],
      ['node2', 'postrouting', 150],
      ['router', 'forward', 0],
      ['node1', 'prerouting', -50],
      ['node1', 'forward', 0],
      ['node1', 'postrouting', 150],
    ] as const) {
      using _ = guard(node, hook, priority, match)
      const trace = await world.trace('client', to, { timeoutMs: 150 })
      const where = `${to}, ${hook} of ${node}: ${JSON.stringify(trace)}`
      assert.equal(end(trace), `${node} policy dropped: a rule is against this ${what}: thrown away (${byRule})`, where)
      assert.equal(trace.verdict, 'no-answer', where)
      assert.deepEqual(trace.expected, ['no-answer'], where)
      assert.ok(trace.agrees, where)
      assert.equal(trace.predictedReply?.at(-1)?.because.text, 'firewall guard: "no answers"', where)
    }
})

test('a rule that answers an answer with a refusal is told as one that nobody hears of who asked', async () => {
  using _ = guard('node1', 'forward', 0, synAcks, true)
  const trace = await world.trace('client', 'svc/web', { timeoutMs: 150 })
  assert.equal(
    end(trace),
    'node1 policy rejected: a rule is against this answer: refused, and who asked hears nothing of it (firewall guard: "no answers" -> reject)',
  )
  assert.ok(trace.agrees, JSON.stringify(trace.why))
  const [why] = trace.why
  assert.equal(why?.code, 'AnswerLost')
  assert.match(
    why.say,
    /^pod shop\/far answered .*: a rule of node1 was against it \(firewall guard: "no answers" -> reject\)$/,
  )
  assert.match(why.fix, /^let that rule pass it, .* on node1: .* table firewall, chain guard$/)
})

test('an error that its own machine’s rules stop is at no device, and is told all the same', async () => {
  for (const [place, to, what, verdict] of [
    ['router', '203.0.113.9:80', '"network unreachable"', 'no-answer'],
    ['node2', 'udp://100.96.2.77:53', '"host unreachable"', 'no-answer'],
    ['node1', 'udp://svc/nobody:80', '"port unreachable"', 'no-answer'],
  ] as const) {
    using _ = guard(place, 'output', 0, errors)
    const trace = await world.trace('client', to, { timeoutMs: 1000 })
    const where = `${to}: ${JSON.stringify(trace)}`
    assert.equal(
      end(trace),
      `${place} policy dropped: ${place} answers, and a rule is against this ${what}: thrown away (${byRule})`,
      where,
    )
    assert.equal(trace.verdict, verdict, where)
    assert.ok(trace.agrees, where)
  }
})

test('an error that comes to the node that asked, and whose rules throw it away there, is one that nobody heard', async () => {
  using _ = guard('node1', 'input', 0, errors)
  const trace = await world.trace('node/node1', 'udp://pod/far:53', { timeoutMs: 300 })
  assert.equal(
    end(trace),
    `node1 policy dropped: a rule is against this "port unreachable": thrown away (${byRule})`,
    JSON.stringify(trace),
  )
  assert.equal(trace.verdict, 'no-answer')
  assert.ok(trace.agrees, JSON.stringify(trace))
})

test('an echo reply that its own machine’s rules stop is an answer, and no error about the request', async () => {
  using _ = guard('node2', 'output', 0, ofProtocol(1))
  const trace = await world.trace('client', 'icmp://node/node2', { timeoutMs: 300 })
  assert.equal(trace.hops.at(-1)?.action, 'delivered')
  assert.equal(
    end(trace),
    `node2 policy dropped: node2 answers, and a rule is against this answer: thrown away (${byRule})`,
    JSON.stringify(trace),
  )
  assert.ok(trace.agrees, JSON.stringify(trace))
})

// The last: who sends back where it came from also says so (ICMP redirect), and then is silent about much for a while.
test('an error about a circle is stopped like any other: on its way, and where it is made', async () => {
  const timeExceeded = ofProtocol(1, ...byteIs(0, 11))
  for (const [place, hook, say] of [
    ['node1', 'forward', 'a rule is against this "time exceeded"'],
    ['router', 'output', 'router answers, and a rule is against this "time exceeded"'],
  ] as const) {
    using _ = guard(place, hook, 0, timeExceeded)
    const trace = await world.trace('client', `${circling}:81`, { timeoutMs: 300 })
    assert.equal(end(trace), `${place} policy dropped: ${say}: thrown away (${byRule})`, JSON.stringify(trace))
    assert.equal(trace.verdict, 'no-answer')
    assert.ok(trace.agrees, JSON.stringify(trace))
  }
})
