import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { address } from '../../base/address.ts'
import { type DnsConfig, defaults, type ForwardConfig, forwardDefaults, type UpstreamConfig } from '../config/config.ts'
import { type Forwarding, makeForwarding } from '../forward/forwarding.ts'
import { LoopWatch } from '../forward/loop.ts'
import { Responder } from '../server/responder.ts'
import { overUdp, queryOf, read, summary } from '../testing/ask.ts'
import { zoneOf } from '../testing/cluster.ts'
import { scripted } from '../testing/forwarder.ts'
import { record, replyTo, type ScriptedUpstream } from '../testing/upstream.ts'
import { askerAt } from './handler.ts'
import { handlerList } from './list.ts'

test('each domain is asked of its own name servers, and what each answer came from is said', async (t) => {
  const [outside, corp, lab] = [
    await saying(t, '192.0.2.1'),
    await saying(t, '192.0.2.2'),
    await saying(t, '192.0.2.3'),
  ]
  const server = await serverWith(t, () => ({
    forward: to(outside),
    stub: [
      { domain: 'corp.test', forward: to(corp) },
      { domain: 'lab.corp.test', forward: { ...to(lab), except: ['open.lab.corp.test'] } },
      { domain: 'svc.cluster.local', forward: to(corp) },
    ],
  }))
  const port = (of: ScriptedUpstream): string => `127.0.0.1 port ${of.port}`
  assert.deepEqual(await server.ask('www.test'), ['NOERROR 192.0.2.1', 'forward', port(outside)])
  assert.deepEqual(await server.ask('www.test'), ['NOERROR 192.0.2.1', 'forward', `cache (${port(outside)})`])
  assert.deepEqual(await server.ask('a.CORP.test'), ['NOERROR 192.0.2.2', 'stub', port(corp)])
  assert.deepEqual(await server.ask('corp.test'), ['NOERROR 192.0.2.2', 'stub', port(corp)])
  assert.deepEqual(await server.ask('a.b.lab.corp.test'), ['NOERROR 192.0.2.3', 'stub', port(lab)])
  assert.deepEqual(
    await server.ask('x.open.lab.corp.test'),
    ['NOERROR 192.0.2.2', 'stub', port(corp)],
    'the next longest',
  )
  assert.deepEqual(await server.ask('mycorp.test'), ['NOERROR 192.0.2.1', 'forward', port(outside)])
  const [own, by] = await server.ask('svc1.testns.svc.cluster.local')
  assert.deepEqual([own, by], ['NOERROR 10.0.0.1', 'cluster'], 'the cluster is asked first')
})

test('without a place for all other names those are refused, and stub domains still answer', async (t) => {
  const corp = await saying(t, '192.0.2.2')
  const server = await serverWith(t, () => ({ stub: [{ domain: 'corp.test', forward: to(corp) }] }))
  assert.deepEqual((await server.ask('www.test')).slice(0, 2), ['REFUSED', undefined])
  assert.deepEqual((await server.ask('www.corp.test')).slice(0, 2), ['NOERROR 192.0.2.2', 'stub'])
})

test('an external name in a stub domain is asked there', async (t) => {
  const [outside, interwebs] = [await saying(t, '192.0.2.1'), await saying(t, '192.0.2.2')]
  const server = await serverWith(t, () => ({
    forward: to(outside),
    stub: [{ domain: 'interwebs.test', forward: to(interwebs) }],
  }))
  const [answer] = await server.ask('external.testns.svc.cluster.local')
  assert.equal(answer, 'NOERROR 192.0.2.2 CNAME=ext.interwebs.test')
})

test('an upstream that is this server is found at the start and not asked any more', async (t) => {
  const server = await serverWith(t, (port) => ({ forward: to({ address: address('127.0.0.1'), port }) }))
  server.forwarding.start()
  await until(() => server.loops() === 1)
  const [answer, by, from] = await server.ask('www.test')
  assert.deepEqual([answer, by], ['SERVFAIL', 'forward'])
  assert.match(from, /127\.0\.0\.1 port \d+ sends questions back to this server/)
  const said = server.log.find(({ level }) => level === 50)
  assert.match(said?.msg ?? '', /sends questions back to this server.*127\.0\.0\.53.*resolv\.conf/)
})

test('a loop through another server is found, too, and the other upstreams are asked', async (t) => {
  const good = await saying(t, '192.0.2.1')
  const relay = await serverWith(t, () => ({}))
  const node = { address: address('127.0.0.1'), port: relay.port }
  const server = await serverWith(t, () => ({ forward: { ...to(node), to: [node, good] } }))
  const back = await serverWith(t, () => ({ forward: to({ address: address('127.0.0.1'), port: server.port }) }))
  relay.point(back.forwarding)
  server.forwarding.start()
  await until(() => server.loops() === 1)
  for (let at = 0; at < 5; at++) assert.deepEqual((await server.ask(`n${at}.test`))[2], `127.0.0.1 port ${good.port}`)
})

test('an upstream that loops no more is asked again', async (t) => {
  const good = await saying(t, '192.0.2.1')
  const relay = await serverWith(t, () => ({}))
  const server = await serverWith(t, () => ({ forward: to({ address: address('127.0.0.1'), port: relay.port }) }), 20)
  const here = await serverWith(t, () => ({ forward: to({ address: address('127.0.0.1'), port: server.port }) }))
  const there = await serverWith(t, () => ({ forward: to(good) }))
  relay.point(here.forwarding)
  server.forwarding.start()
  await until(() => server.loops() === 1)
  assert.equal((await server.ask('a.test'))[0], 'SERVFAIL')
  relay.point(there.forwarding)
  await until(() => server.loops() === 0)
  assert.equal((await server.ask('b.test'))[0], 'NOERROR 192.0.2.1')
})

test('one that fails for names that do not exist is asked again after a while, too', async (t) => {
  const picky = await scripted(t, (query) => {
    const [asked] = query.questions
    const failing = asked?.name.endsWith('.loop.kubehop') === true
    return [failing ? replyTo(query, [], { rcode: 2 }) : replyTo(query, [record(asked?.name ?? '', '192.0.2.1')])]
  })
  const relay = await serverWith(t, () => ({}))
  const server = await serverWith(t, () => ({ forward: to({ address: address('127.0.0.1'), port: relay.port }) }), 10)
  const here = await serverWith(t, () => ({ forward: to({ address: address('127.0.0.1'), port: server.port }) }))
  const there = await serverWith(t, () => ({ forward: to(picky) }))
  relay.point(here.forwarding)
  server.forwarding.start()
  await until(() => server.loops() === 1)
  relay.point(there.forwarding)
  await until(() => server.loops() === 0)
  assert.ok(picky.asked.length >= 3)
  assert.equal((await server.ask('a.test'))[0], 'NOERROR 192.0.2.1')
})

test('an upstream that begins to loop later is found when it answers nothing any more', async (t) => {
  const good = await saying(t, '192.0.2.1')
  const relay = await serverWith(t, () => ({}))
  const server = await serverWith(t, () => ({ forward: to({ address: address('127.0.0.1'), port: relay.port }) }))
  const here = await serverWith(t, () => ({ forward: to({ address: address('127.0.0.1'), port: server.port }) }))
  const there = await serverWith(t, () => ({ forward: to(good) }))
  relay.point(there.forwarding)
  server.forwarding.start()
  assert.equal((await server.ask('a.test'))[0], 'NOERROR 192.0.2.1')
  relay.point(here.forwarding)
  assert.equal((await server.ask('b.test'))[0], 'SERVFAIL', 'it waits for itself')
  await until(() => server.loops() === 1)
  assert.match((await server.ask('c.test'))[2], /sends questions back to this server/)
})

interface Server {
  readonly port: number
  readonly forwarding: Forwarding
  readonly log: readonly { level: number; msg: string }[]
  /** In words, the handler's name, where it came from. */
  ask(name: string): Promise<[answer: string, by: string | undefined, from: string]>
  /** How many upstreams are known to loop. */
  loops(): number
  /** Asks others' upstreams from now on. */
  point(other: Forwarding): void
}

/** Answers over UDP until the test ends. `every`: milliseconds between two looks at an upstream that loops. */
async function serverWith(
  t: TestContext,
  config: (port: number) => Partial<Pick<DnsConfig, 'forward' | 'stub'>>,
  every = 60_000,
): Promise<Server> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  const lines: { level: number; msg: string }[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const loop = new LoopWatch(log, every)
  const forwarding = makeForwarding({ config: { ...defaults, ...config(port) }, log, loop })
  const zone = zoneOf()
  const over = (one: Forwarding): Responder =>
    new Responder({ ...handlerList({ zone, synced: () => true, ...one, loop: forwarding.loop }), log })
  let responder = over(forwarding)
  socket.on('message', (bytes, { address: from, port: sourcePort }) => {
    void Promise.resolve(responder.react(bytes, askerAt('udp', from))).then((reply) => {
      if (reply && open) socket.send(reply, sourcePort, from)
    })
  })
  let open = true
  t.after(() => {
    open = false
    forwarding.close()
    socket.close()
  })
  return {
    port,
    forwarding,
    log: lines,
    async ask(name) {
      let told: [string | undefined, string] = [undefined, '']
      const query = queryOf(name, 'A')
      const reply = await responder.react(query, overUdp, (_query, _asker, by, said) => (told = [by, said.from]))
      assert.ok(reply)
      return [summary(read(reply)), ...told]
    },
    loops: () => forwarding.forwarders.flatMap(({ upstreams }) => upstreams).filter(({ loops }) => loops).length,
    point: (other) => void (responder = over(other)),
  }
}

function to(one: UpstreamConfig): ForwardConfig {
  return { ...forwardDefaults, timeout: 300, to: [one] }
}

function saying(t: TestContext, ip: string): Promise<ScriptedUpstream> {
  return scripted(t, (query) => [replyTo(query, [record(query.questions[0]?.name ?? '', ip)])])
}

/** Looks at what no event tells. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(5)
}
