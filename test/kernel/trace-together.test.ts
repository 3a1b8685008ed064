// Many traces at once on the same machines: none sees the others' packets, and there is an end to how many.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { address } from '../../src/base/address.ts'
import type { Agent } from '../../src/trace/agent.ts'
import { traceRequest } from '../../src/trace/coordinate.ts'
import { endsOf } from '../../src/trace/flow/flow.ts'
import { traceLive } from '../../src/trace/live/live.ts'
import type { LiveEvent } from '../../src/trace/live/types.ts'
import { mostWatched } from '../../src/trace/observe/limit.ts'
import type { WatchSpec } from '../../src/trace/observe/spec.ts'
import { readFrame } from '../../src/trace/packet/frame.ts'
import { Capture } from '../../src/trace/pcap/capture.ts'
import { pair } from './trace-pair.ts'
import type { World } from './trace-world.ts'

let world: World
before(async () => {
  world = await pair((one) =>
    one.service('echo', '100.64.0.24', 7, 7007, ['far'], { ports: [{ port: 7, targetPort: 7007, protocol: 'UDP' }] }),
  )
  await world.echo('far', 7007)
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

test('of ten traces between the same two pods each has its own packets, and no other', async () => {
  const wishes = Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? 'http://100.64.0.21/' : 'udp://100.64.0.24:7'))
  const all = await Promise.all(
    wishes.map(async (to) => {
      const capture = new Capture()
      return { capture, trace: await traceRequest({ ...world.around(), from: 'client', to, capture }) }
    }),
  )
  const ports = new Set<string>()
  for (const { capture, trace } of all) {
    assert.ok(trace.verdict === 'delivered' && trace.agrees, JSON.stringify(trace, null, 1))
    assert.deepEqual(trace.why, [])
    const own = trace.hops[0]?.packet.src ?? ''
    ports.add(own)
    const others = capture.packets.filter(({ frame }) => {
      const ip = readFrame(Buffer.from(frame, 'base64'))?.ip
      const ends = ip && endsOf(ip)
      return ends && ends.src !== own && ends.dst !== own
    })
    assert.deepEqual(others, [])
    assert.ok(capture.packets.length > 20)
  }
  assert.equal(ports.size, 10)
})

test('a watch and a trace at the same time are told apart: what the trace sends is the pod’s own traffic too', async () => {
  const stop = new AbortController()
  const events: LiveEvent[] = []
  let sent: Awaited<ReturnType<typeof traceRequest>> | undefined
  for await (const event of traceLive({
    ...world.around(),
    from: 'client',
    to: 'svc/far-svc',
    seconds: 60,
    stop: stop.signal,
  })) {
    events.push(event)
    if (event.kind !== 'watching') continue
    void world.trace('client', 'http://100.64.0.21/').then((trace) => {
      sent = trace
      stop.abort()
    })
  }
  assert.ok(sent?.agrees)
  assert.deepEqual(sent.why, [])
  const flows = events.flatMap((event) => (event.kind === 'flow' ? [event.flow] : []))
  assert.deepEqual(
    flows.map(({ src }) => src),
    [sent.hops[0]?.packet.src],
  )
})

test('more traces than a machine watches at once are refused with a reason, and have their turn when one has ended', async () => {
  const agent = world.agents.get('node1') as Agent
  const specOf = (at: number): WatchSpec => ({
    id: at.toString(16).padStart(8, '0'),
    protocol: 'tcp',
    port: 30_000 + at,
    addresses: [address(world.addressOf('client'))],
    pods: [],
    seconds: 60,
  })
  const stop = new AbortController()
  const running: Promise<void>[] = []
  // Those of the tests before may still be closing their sockets.
  for (let at = 0; at <= mostWatched; at++) {
    const stands = Promise.withResolvers<void>()
    const watching = (async () => {
      for await (const one of agent.observe(specOf(at), stop.signal)) if (one.kind === 'ready') stands.resolve()
    })()
    watching.catch(stands.reject)
    const refused = await stands.promise.then(
      () => undefined,
      (error: Error) => error,
    )
    if (!refused) running.push(watching)
    else assert.match(refused.message, /node1 watches 64 traces already, which is all it does at once: try again/)
  }
  assert.ok(running.length > mostWatched - 20 && running.length <= mostWatched, String(running.length))
  const blind = await world.trace('client', 'svc/far-svc')
  assert.match(blind.why.map(({ say }) => say).join(), /node1 could not be watched: .*64 traces already/)
  stop.abort()
  await Promise.all(running)
  const trace = await world.trace('client', 'svc/far-svc')
  assert.deepEqual([trace.verdict, trace.why], ['delivered', []])
})
