import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { KubehopError } from '../../src/base/errors.ts'
import type { Agent } from '../../src/trace/agent.ts'
import type { ProbeSpec } from '../../src/trace/probe/spec.ts'
import type { Trace } from '../../src/trace/types.ts'
import { pair } from './trace-pair.ts'
import type { World } from './trace-world.ts'

// Pods and machines that go away while they are asked: each is a story, though a short one.

let world: World
before(async () => {
  world = await pair()
  await world.program('client', nameServer)
  world.resolvConf = `nameserver ${world.addressOf('client')}\noptions ndots:1\n`
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

/** Every name is the service. */
const nameServer = `
  const socket = require('dgram').createSocket('udp4')
  socket.on('message', (bytes, from) => {
    const question = bytes.subarray(12, bytes.indexOf(0, 12) + 5)
    const head = Buffer.from([bytes[0], bytes[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
    const record = Buffer.from('c00c0001000100000005000464400015', 'hex')
    socket.send(Buffer.concat([head, question, record]), from.port, from.address)
  })
  socket.bind(53, () => console.log('ready'))`

/** The agent of node1, with something that happens before it sends what is asked for. */
function node1(before: (spec: ProbeSpec) => void | Promise<void>): ReadonlyMap<string, Agent> {
  const real = world.agents.get('node1') as Agent
  const agent: Agent = {
    observe: (spec, signal) => real.observe(spec, signal),
    async probe(spec, signal) {
      await before(spec)
      return real.probe(spec, signal)
    },
  }
  return new Map([...world.agents, ['node1', agent]])
}

const told = ({ verdict, agrees, why }: Trace): unknown[] => [
  verdict,
  agrees,
  why.map(({ code, say }) => `${code}: ${say}`),
]

test('a pod that ends before it can send is told, and nothing is made up', async () => {
  world.pod('brief', 'node1')
  const trace = await world.trace('brief', 'svc/far-svc', { agents: node1(() => world.end('brief')) })
  assert.deepEqual(told(trace), ['not-sent', true, ['NotSent: nothing was sent: pod shop/brief does not run on node1']])
  assert.deepEqual([trace.hops, trace.reply, trace.dns], [[], [], []])
})

test('a pod that ends between the name and the request has its name told', async () => {
  world.pod('talker', 'node1')
  const agents = node1(({ kind }) => {
    if (kind !== 'resolve') world.end('talker')
  })
  const trace = await world.trace('talker', 'http://anything/', { agents })
  assert.deepEqual(told(trace), [
    'not-sent',
    true,
    ['NotSent: nothing was sent: pod shop/talker does not run on node1'],
  ])
  assert.deepEqual(trace.dns[0]?.answers, ['100.64.0.21'])
})

test('a machine that cannot be asked to send is told', async () => {
  const agents = node1(() => {
    throw new KubehopError('trace', 'ask the agent of node1', 'AgentFailed', 'connect ECONNREFUSED 192.168.50.11:10250')
  })
  for (const to of ['svc/far-svc', 'http://anything/']) {
    const trace = await world.trace('client', to, { agents })
    assert.deepEqual(told(trace), [
      'not-sent',
      true,
      ['NotSent: nothing was sent: connect ECONNREFUSED 192.168.50.11:10250'],
    ])
  }
})

test('a machine that hangs holds nobody up', async (t) => {
  const real = world.agents.get('node1') as Agent
  const hung: Agent = {
    observe: (spec, signal) => real.observe(spec, signal),
    probe: () => new Promise(() => {}),
  }
  const begun = performance.now()
  const trace = await world.trace('client', 'svc/far-svc', {
    agents: new Map([...world.agents, ['node1', hung]]),
    timeoutMs: 200,
  })
  t.diagnostic(`${Math.round(performance.now() - begun)} ms`)
  const say = 'NotSent: nothing was sent: the agent of node1 was to send it, and said nothing within 6 s'
  assert.deepEqual(told(trace), ['not-sent', true, [say]])
  assert.equal(trace.why[0]?.fix, 'see whether the agent of node1 runs, and trace again')
})

test('of a machine whose agent ends in the middle, nothing is made up', async () => {
  const real = world.agents.get('node2') as Agent
  const brief: Agent = {
    probe: (spec, signal) => real.probe(spec, signal),
    // As kill -9 does it: what was seen until then has come, the kernel's words at the end never do.
    async *observe(spec, signal) {
      for await (const one of real.observe(spec, signal)) {
        if (one.kind === 'facts') throw new Error('aborted')
        yield one
      }
    },
  }
  const trace = await world.trace('client', 'svc/far-svc', { agents: new Map([...world.agents, ['node2', brief]]) })
  assert.equal(trace.verdict, 'delivered')
  const said = [...trace.hops, ...trace.reply].filter(({ node }) => node === 'node2').map(({ say }) => say)
  assert.ok(said.length > 0)
  for (const say of said) assert.doesNotMatch(say, /no way|same wire|no route/)
  assert.deepEqual(
    [trace.agrees, trace.why.some(({ code }) => code === 'Unwatched')],
    [true, true],
    JSON.stringify(trace.why),
  )
})

test('a pod that ends while the request is on its way to it leaves the story up to there', async () => {
  world.pod('target', 'node2')
  const address = world.addressOf('target')
  const trace = await world.trace('client', 'pod/target:8080', {
    timeoutMs: 1000,
    agents: node1(() => world.end('target')),
  })
  assert.ok(trace.verdict === 'unreachable' || trace.verdict === 'no-answer', trace.verdict)
  assert.equal(trace.hops[0]?.packet.dst, `${address}:8080`)
  assert.equal(trace.hops.at(-1)?.place, 'node2')
  assert.equal(trace.hops.at(-1)?.say, `"who has ${address}?": nobody answered`)
})

test('a pod that ends while its request is watched leaves what was seen', async () => {
  world.pod('leaver', 'node1')
  const trace = await world.trace('leaver', '100.64.0.99:80', {
    timeoutMs: 500,
    agents: node1(() => void setTimeout(() => world.end('leaver'), 100)),
  })
  assert.equal(trace.verdict, 'dropped')
  assert.deepEqual(
    trace.hops.map(({ place, action }) => `${place} ${action}`),
    ['leaver sent', 'node1 forwarded', 'node1 dropped'],
  )
})

test('nobody is waited for longer than was asked', async () => {
  await world.program('far', `require('net').createServer(() => {}).listen(6060, () => console.log('ready'))`)
  const began = performance.now()
  const trace = await world.trace('client', `http://${world.addressOf('far')}:6060/`, { timeoutMs: 200 })
  assert.equal(trace.verdict, 'no-answer')
  assert.equal(trace.hops.at(-1)?.place, 'far')
  // Watchers that do not end are given up on after 3 s: that did not happen either.
  // A timer may be early by less than a millisecond.
  assert.ok(trace.ms > 199 && performance.now() - began < 3000, String(trace.ms))
})
