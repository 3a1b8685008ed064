// The account of a watch: how long it was, how much began, what stood already, and what it has to keep silent about.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { address } from '../../src/base/address.ts'
import { inNetns } from '../../src/kernel/netns.ts'
import { traceLive } from '../../src/trace/live/live.ts'
import type { LiveSpec } from '../../src/trace/live/spec.ts'
import type { LiveEvent } from '../../src/trace/live/types.ts'
import { get, LiveWorld } from './trace-live-world.ts'

let world: LiveWorld
before(async () => {
  world = await LiveWorld.start()
})
after(async () => {
  await world[Symbol.asyncDispose]()
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
    await world.run('client', get('100.64.0.21', 2))
    busyMs = performance.now() - began
    stop.abort()
    // Longer than what has begun takes to settle.
    await world.run('other', `setTimeout(() => {}, 500)`)
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

test('who ends a watch whose time is over already waits for no answer', async () => {
  await world.program(
    'far',
    `require('dgram').createSocket('udp4').on('message', () => {}).bind(7009, () => console.log('ready'))`,
  )
  const script = `const s = require('dgram').createSocket('udp4'); s.send('?', 7009, '${world.addressOf('far')}', () => s.close())`
  const stop = new AbortController()
  const began = performance.now()
  const options = { ...world.around(), from: 'client', to: 'udp://pod/far:7009', seconds: 2, timeoutMs: 60_000 }
  const events: LiveEvent[] = []
  for await (const event of traceLive({ ...options, stop: stop.signal })) {
    events.push(event)
    if (event.kind !== 'watching') continue
    await world.run('client', script)
    void setTimeout(2200).then(() => stop.abort())
  }
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['watching', 'flow', 'summary'],
  )
  assert.ok(performance.now() - began < 30_000)
})

test('a watch whose reader has gone ends without an account, and leaves no socket', async () => {
  const sockets = (): number =>
    inNetns(
      world.node('node1'),
      () => readFileSync('/proc/thread-self/net/packet', 'utf8').trim().split('\n').length - 1,
    )
  const gone = new AbortController()
  const kinds: string[] = []
  for await (const event of traceLive({
    ...world.around(),
    from: 'client',
    to: 'svc/far-svc',
    seconds: 60,
    signal: gone.signal,
  })) {
    kinds.push(event.kind)
    if (event.kind !== 'watching') continue
    assert.ok(sockets() > 0)
    await world.run('client', get('100.64.0.21', 2))
    gone.abort()
  }
  assert.ok(!kinds.includes('summary'), kinds.join())
  // They are closed on other threads, for which nobody waits.
  for (const until = Date.now() + 10_000; sockets() > 0; await setTimeout(5))
    assert.ok(Date.now() < until, `${sockets()} sockets are open still`)
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
      if (one.kind === 'ready') void world.run('client', get('100.64.0.21', 2)).then(() => stop.abort())
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
    const { flows, trace } = await world.live('client', 'pod/near:8080', () =>
      world.run('client', get(`${world.addressOf('near')}:8080`, 1)),
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
    world.live('client', 'pod/far:9090', () => world.run('client', get(far, 1)), { explain }),
    /^Error: no words for it$/,
  )
})

test('where nothing begins, what stands already is listed with what went over it', async () => {
  const script = `
    const http = require('http'), agent = new http.Agent({ keepAlive: true })
    const ask = () => http.get({ host: '100.64.0.21', agent }, (r) => r.resume().on('end', () => { console.log('asked'); setTimeout(ask, 50) }))
    ask()`
  const child = await world.program('client', script)
  const { flows, trace } = await world.live('client', 'svc/far-svc', () => once(child.stdout ?? child, 'data'))
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
  const { flows, trace } = await world.live('client', 'svc/far-svc', async () => {
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
