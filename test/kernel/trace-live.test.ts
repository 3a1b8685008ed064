// What applications themselves send is watched; nothing is sent.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { address } from '../../src/base/address.ts'
import { packAddress } from '../../src/kernel/nftables/packed.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import type { LiveFlow } from '../../src/trace/live/types.ts'
import { get, LiveWorld } from './trace-live-world.ts'

let world: LiveWorld
before(async () => {
  world = await LiveWorld.start()
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const brief = ({ dst, endpoint, pod, verdict }: LiveFlow): unknown => ({ dst, endpoint, pod, verdict })

test('connections through a service are told one by one, with the endpoint that each was given and the whole way', async () => {
  const { flows, trace } = await world.live('client', 'svc/both', () => world.run('client', get('100.64.0.23', 8)))
  assert.equal(flows.length, 8)
  const endpoints = new Set(['near', 'far'].map((pod) => `${world.addressOf(pod)}:8080`))
  for (const flow of flows) {
    assert.equal(flow.verdict, 'delivered')
    assert.equal(flow.dst, '100.64.0.23:80')
    assert.ok(endpoints.has(flow.endpoint ?? ''), JSON.stringify(flow))
    assert.ok(flow.ms > 0 && flow.ms < 1000)
    assert.match(flow.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  }
  const { live: told } = trace
  assert.deepEqual([told.begun, told.followed, told.verdicts, told.notes], [8, 8, { delivered: 8 }, []])
  assert.equal(
    told.endpoints.reduce((sum, { count }) => sum + count, 0),
    8,
  )
  const [story] = flows.flatMap((flow) => flow.story ?? [])
  assert.ok(story?.agrees, JSON.stringify(story, null, 1))
  assert.ok(story.hops.some(({ component, because }) => component === 'proxy' && /pick-\d/.test(because.text)))
  assert.equal(story.hops[0]?.place, 'client')
  assert.equal(story.reply.at(-1)?.place, 'client')
})

test('who else talks, and to whom else the pod talks, is not seen', async () => {
  const { flows } = await world.live('client', 'svc/far-svc', async () => {
    await Promise.all([
      world.run('other', get('100.64.0.21', 3)),
      world.run('client', get('100.64.0.23', 3)),
      // Past the service.
      world.run('client', get(`${world.addressOf('far')}:8080`, 3)),
      world.run('client', get('100.64.0.21', 2)),
    ])
  })
  assert.deepEqual(flows.map(brief), [
    { dst: '100.64.0.21:80', endpoint: `${world.addressOf('far')}:8080`, pod: 'shop/far', verdict: 'delivered' },
    { dst: '100.64.0.21:80', endpoint: `${world.addressOf('far')}:8080`, pod: 'shop/far', verdict: 'delivered' },
  ])
})

test('what is refused and what nobody answers is told with its story', async () => {
  const refused = await world.live('client', 'pod/far:9090', () =>
    world.run('client', get(`${world.addressOf('far')}:9090`, 1)),
  )
  assert.deepEqual(
    refused.flows.map(({ verdict }) => verdict),
    ['refused'],
  )
  assert.match(refused.flows[0]?.story?.hops.at(-1)?.say ?? '', /nobody listens on port 9090/)
  const rejected = await world.live('client', 'svc/nobody', () => world.run('client', get('100.64.0.25', 1)))
  assert.deepEqual(
    rejected.flows.map(({ verdict }) => verdict),
    ['rejected'],
  )
  const silent = await world.live('client', '100.96.2.250:80', () =>
    world.run(
      'client',
      `require('net').connect(80, '100.96.2.250').on('error', () => {}); setTimeout(() => process.exit(), 300)`,
    ),
  )
  assert.equal(silent.flows.length, 1)
  assert.ok(['no-answer', 'unreachable'].includes(silent.flows[0]?.verdict ?? ''), JSON.stringify(silent.flows[0]))
})

test('a rule that refuses is told by its comment, also where its table is of another family than the packet', async () => {
  for (const family of ['ip', 'inet'] as const) {
    const nft = openNftables(world.node('node2'))
    nft.apply({
      table: { family, name: 'firewall', owned: true },
      ops: [
        { op: 'add table' },
        {
          op: 'add chain',
          chain: { name: 'guard', hook: { type: 'filter', hook: 'forward', priority: 0, policy: 'accept' } },
        },
        {
          op: 'add rule',
          chain: 'guard',
          rule: {
            comment: `nobody enters (${family})`,
            exprs: [
              { kind: 'payload', base: 'network', offset: 16, length: 4, to: 0 },
              { kind: 'cmp', from: 0, op: 'eq', value: packAddress(address(world.addressOf('far'))) },
              { kind: 'reject', with: 'tcp reset', code: 0 },
            ],
          },
        },
      ],
    })
    try {
      const { flows } = await world.live('client', 'svc/far-svc', () => world.run('client', get('100.64.0.21', 1)))
      const [flow] = flows
      assert.equal(flow?.verdict, 'rejected', JSON.stringify(flow))
      const rules = flow.story?.hops.flatMap(({ because }) => (because.kind === 'rule' ? [because.text] : []))
      assert.match(
        rules?.join() ?? '',
        new RegExp(`firewall guard.*nobody enters \\(${family}\\)`),
        JSON.stringify(flow.story, null, 1),
      )
    } finally {
      await nft.closeElsewhere()
    }
  }
})

test('datagrams are exchanges, one for each socket', async () => {
  const script = `
    const { createSocket } = require('dgram')
    const ask = () => new Promise((done) => {
      const s = createSocket('udp4').on('message', () => { s.close(); done() })
      s.send('the same words each time', 7, '100.64.0.24')
    })
    ask().then(ask).then(ask)`
  const { flows } = await world.live('client', 'udp://echo.shop.svc:7', () => world.run('client', script))
  const one = {
    dst: '100.64.0.24:7',
    endpoint: `${world.addressOf('far')}:7007`,
    pod: 'shop/far',
    verdict: 'delivered',
  }
  assert.deepEqual(flows.map(brief), [one, one, one])
})

test('who is answered late is told late, with the number and the time of its beginning, and stands in its place in the end', async () => {
  // Which of them the server keeps waiting it is told.
  await world.program(
    'far',
    `const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => setTimeout(() => s.send(m, r.port, r.address), Number(m))).bind(7008, () => console.log('ready'))`,
  )
  const script = `
    const { createSocket } = require('dgram')
    const ask = (ms) => { const s = createSocket('udp4').on('message', () => s.close()); s.send(String(ms), 7008, '${world.addressOf('far')}', () => ms > 0 && ask(ms - 300)) }
    ask(600)`
  const { flows, trace } = await world.live('client', 'udp://pod/far:7008', () => world.run('client', script))
  assert.deepEqual(
    flows.map(({ number }) => number),
    [3, 2, 1],
  )
  const waits = flows.map(({ ms }) => ms)
  assert.deepEqual(
    waits,
    waits.toSorted((a, b) => a - b),
  )
  assert.deepEqual(trace.live.flows, flows.toReversed())
  const times = trace.live.flows.map(({ at }) => at)
  assert.deepEqual(times, times.toSorted())
})

test('a pod that reaches itself through its service is followed through the masquerade', async () => {
  const { flows } = await world.live('client', 'svc/self', () => world.run('client', get('100.64.0.22', 2)))
  assert.deepEqual(
    flows.map(({ verdict }) => verdict),
    ['delivered', 'delivered'],
  )
  const story = flows[0]?.story
  assert.ok(story?.agrees, JSON.stringify(story, null, 1))
  assert.ok(story.hops.some(({ after }) => after?.src.startsWith('100.96.1.1:')))
})
