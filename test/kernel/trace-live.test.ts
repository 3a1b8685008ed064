// What applications themselves send is watched; nothing is sent.
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { address } from '../../src/base/address.ts'
import { packAddress } from '../../src/kernel/nftables/packed.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { type LiveOptions, traceLive } from '../../src/trace/live/live.ts'
import type { LiveSpec } from '../../src/trace/live/spec.ts'
import type { LiveEvent, LiveFlow, LiveTrace } from '../../src/trace/live/types.ts'
import { World } from './trace-world.ts'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('other', 'node1')
  world.pod('near', 'node1')
  world.pod('far', 'node2')
  world.service('far-svc', '100.64.0.21', 80, 8080, ['far'])
  world.service('self', '100.64.0.22', 80, 8080, ['client'])
  world.service('both', '100.64.0.23', 80, 8080, ['near', 'far'])
  world.service('nobody', '100.64.0.25', 80, 8080, [])
  world.service('echo', '100.64.0.24', 7, 7007, ['far'], { ports: [{ port: 7, targetPort: 7007, protocol: 'UDP' }] })
  world.teach()
  await Promise.all([world.web('client'), world.web('near'), world.web('far')])
  await world.program(
    'far',
    `const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => s.send(m, r.port, r.address)).bind(7007, () => console.log('ready'))`,
  )
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

interface Seen {
  readonly flows: LiveFlow[]
  readonly trace: LiveTrace
}

/** Watches; `meanwhile` runs once everything stands, and its end ends the watch. */
async function live(
  from: string,
  to: string,
  meanwhile: () => Promise<unknown>,
  options: Partial<LiveOptions> = {},
): Promise<Seen> {
  const stop = new AbortController()
  const events: LiveEvent[] = []
  let running: Promise<unknown> | undefined
  for await (const event of traceLive({ ...world.around(), from, to, seconds: 60, stop: stop.signal, ...options })) {
    events.push(event)
    if (event.kind === 'watching') running = meanwhile().finally(() => stop.abort())
  }
  await running
  const [first, last] = [events[0], events.at(-1)]
  assert.equal(first?.kind, 'watching')
  assert.ok(last?.kind === 'summary', JSON.stringify(last))
  return { flows: events.flatMap((event) => (event.kind === 'flow' ? [event.flow] : [])), trace: last.trace }
}

/** A program in a pod that runs to its end. */
async function run(pod: string, script: string): Promise<void> {
  const child: ChildProcess = await world.program(pod, `console.log('begin'); ${script}`)
  if (child.exitCode === null) await once(child, 'exit')
}

/** Asks so many times, one after another, each time by a connection of its own. */
const get = (address: string, times: number): string =>
  `(async () => { for (let i = 0; i < ${times}; i++) await fetch('http://${address}/', { headers: { connection: 'close' } }).then((r) => r.text(), () => {}) })()`

const brief = ({ dst, endpoint, pod, verdict }: LiveFlow): unknown => ({ dst, endpoint, pod, verdict })

test('connections through a service are told one by one, with the endpoint that each was given and the whole way', async () => {
  const { flows, trace } = await live('client', 'svc/both', () => run('client', get('100.64.0.23', 8)))
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
  const { flows } = await live('client', 'svc/far-svc', async () => {
    await Promise.all([
      run('other', get('100.64.0.21', 3)),
      run('client', get('100.64.0.23', 3)),
      run('client', get('100.64.0.21', 2)),
    ])
  })
  assert.deepEqual(flows.map(brief), [
    { dst: '100.64.0.21:80', endpoint: `${world.addressOf('far')}:8080`, pod: 'shop/far', verdict: 'delivered' },
    { dst: '100.64.0.21:80', endpoint: `${world.addressOf('far')}:8080`, pod: 'shop/far', verdict: 'delivered' },
  ])
})

test('what is refused and what nobody answers is told with its story', async () => {
  const refused = await live('client', 'pod/far:9090', () => run('client', get(`${world.addressOf('far')}:9090`, 1)))
  assert.deepEqual(
    refused.flows.map(({ verdict }) => verdict),
    ['refused'],
  )
  assert.match(refused.flows[0]?.story?.hops.at(-1)?.say ?? '', /nobody listens on port 9090/)
  const rejected = await live('client', 'svc/nobody', () => run('client', get('100.64.0.25', 1)))
  assert.deepEqual(
    rejected.flows.map(({ verdict }) => verdict),
    ['rejected'],
  )
  const silent = await live('client', '100.96.2.250:80', () =>
    run(
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
      const { flows } = await live('client', 'svc/far-svc', () => run('client', get('100.64.0.21', 1)))
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
  const { flows } = await live('client', 'udp://echo.shop.svc:7', () => run('client', script))
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
  const { flows, trace } = await live('client', 'udp://pod/far:7008', () => run('client', script))
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
  const { flows } = await live('client', 'svc/self', () => run('client', get('100.64.0.22', 2)))
  assert.deepEqual(
    flows.map(({ verdict }) => verdict),
    ['delivered', 'delivered'],
  )
  const story = flows[0]?.story
  assert.ok(story?.agrees, JSON.stringify(story, null, 1))
  assert.ok(story.hops.some(({ after }) => after?.src.startsWith('100.96.1.1:')))
})

test('a reader who takes a while misses nothing, and the time of the watch runs meanwhile', async () => {
  const stop = new AbortController()
  const events: LiveEvent[] = []
  let busyMs = 0
  const options = { ...world.around(), from: 'client', to: 'svc/far-svc', seconds: 60, stop: stop.signal }
  for await (const event of traceLive(options)) {
    events.push(event)
    if (event.kind !== 'watching') continue
    const began = performance.now()
    await run('client', get('100.64.0.21', 2))
    busyMs = performance.now() - began
    stop.abort()
    // Longer than what has begun takes to settle.
    await run('other', `setTimeout(() => {}, 500)`)
  }
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['watching', 'flow', 'flow', 'summary'],
  )
  const last = events.at(-1)
  assert.ok(last?.kind === 'summary')
  const { seconds, followed } = last.trace.live
  assert.equal(followed, 2)
  assert.ok(Math.abs(seconds - busyMs / 1000) < 0.1, `${seconds} s, and the reader was busy for ${busyMs} ms`)
})

test('connections are counted for as long as the watch lasts, and not for as long as answers are waited for', async () => {
  const agent = world.agents.get('node1') ?? assert.fail()
  const spec: LiveSpec = {
    live: true,
    id: '00c0ffee',
    protocol: 'tcp',
    from: [address(world.addressOf('client'))],
    asked: [{ address: address('100.64.0.21'), port: 80 }],
    behind: [],
    wide: [],
    client: 'shop/client',
    pods: ['shop/client'],
    seconds: 60,
    rate: 100,
  }
  for (const counts of [undefined, 0]) {
    const stop = new AbortController()
    const counted: number[] = []
    for await (const one of agent.observe({ ...spec, ...(counts !== undefined && { counts }) }, stop.signal)) {
      if (one.kind === 'ready') void run('client', get('100.64.0.21', 2)).then(() => stop.abort())
      if (one.kind === 'counted') counted.push(one.begun)
    }
    assert.deepEqual(counted, [counts === undefined ? 2 : 0])
  }
})

test('where packets were lost, a connection whose answer was not seen is not said to be without one', async () => {
  const real = world.agents.get('node1') ?? assert.fail()
  world.agents.set('node1', {
    probe: real.probe,
    async *observe(...asked) {
      for await (const one of real.observe(...asked))
        if (one.kind !== 'packet') yield one
        else if (one.place.name === 'shop/client' && one.direction === 'out') {
          yield one
          yield { kind: 'lost', place: one.place, say: 'the answer was lost', packets: true }
        }
    },
  })
  try {
    const { flows, trace } = await live('client', 'pod/near:8080', () =>
      run('client', get(`${world.addressOf('near')}:8080`, 1)),
    )
    assert.deepEqual(flows, [])
    assert.deepEqual([trace.live.begun, trace.live.followed], [1, 0])
    assert.deepEqual(trace.live.notes, ['shop/client: the answer was lost'])
  } finally {
    world.agents.set('node1', real)
  }
})

test('what fails in telling ends the watch with its reason, and nothing else', async () => {
  const explain = (): never => {
    throw new Error('no words for it')
  }
  const far = `${world.addressOf('far')}:9090`
  await assert.rejects(
    live('client', 'pod/far:9090', () => run('client', get(far, 1)), { explain }),
    /^Error: no words for it$/,
  )
})

test('where nothing begins, what stands already is listed with what went over it', async () => {
  const script = `
    const http = require('http'), agent = new http.Agent({ keepAlive: true })
    const ask = () => http.get({ host: '100.64.0.21', agent }, (r) => r.resume().on('end', () => { console.log('asked'); setTimeout(ask, 50) }))
    ask()`
  const child = await world.program('client', script)
  const { flows, trace } = await live('client', 'svc/far-svc', () => once(child.stdout ?? child, 'data'))
  child.kill('SIGKILL')
  assert.deepEqual(flows, [])
  assert.equal(trace.live.begun, 0)
  const [one, ...more] = trace.live.established
  assert.deepEqual(more, [])
  assert.equal(one?.dst, '100.64.0.21:80')
  assert.equal(one?.servedBy, `${world.addressOf('far')}:8080`)
  // The world's nodes do not note when a connection began, unless told to.
  assert.ok((one?.bytesOut ?? 0) > 50 && (one?.packetsIn ?? 0) > 1, JSON.stringify(one))
})

test('of a storm of connections a part is followed, whole ones and no others, and it is said how many there were', async () => {
  // Connections end with a reset: none waits in the kernel, and ports are there again.
  const storm = `
    const net = require('net'), until = Date.now() + 2500
    let count = 0
    const one = () => { if (Date.now() > until) return; count++
      const s = net.connect(80, '100.64.0.21', () => { s.resetAndDestroy(); setImmediate(one) }).on('error', () => setImmediate(one)) }
    for (let i = 0; i < 20; i++) one()
    process.on('exit', () => console.log(count))`
  let count = 0
  const { flows, trace } = await live('client', 'svc/far-svc', async () => {
    const child = await world.program('client', `console.log('begin'); ${storm}`)
    child.stdout?.on('data', (text: Buffer) => (count += Number(text.toString())))
    await once(child, 'close')
  })
  const { begun, followed, notes, verdicts } = trace.live
  assert.ok(count > 2000, `a storm of ${count}`)
  // The kernel counts packets: one that is sent again is two.
  assert.ok(begun >= count && begun < count * 1.05, `${begun} of ${count}`)
  assert.ok(followed > 0 && followed <= 1000, String(followed))
  assert.ok(
    notes.some((note) => note.includes('one in')),
    notes.join(),
  )
  assert.deepEqual(verdicts, { delivered: followed })
  assert.ok(flows.every(({ endpoint }) => endpoint !== undefined))
  for (const { story } of flows) assert.ok(story?.agrees ?? true, JSON.stringify(story, null, 1))
})
