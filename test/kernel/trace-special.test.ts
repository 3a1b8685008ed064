// Addresses that are no machine's: each is foretold as the kernel takes it, or refused before anything is sent.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Verdict } from '../../src/trace/types.ts'
import { World } from './trace-world.ts'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('far', 'node2')
  world.teach()
  world.resolvConf = ''
  await Promise.all(['client', 'node1', 'outside'].map((place) => world.web(place)))
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const senders = ['client', 'node/node1', 'outside'] as const

test('0.0.0.0 is the sender itself: its kernel sends to 127.0.0.1, and that is said', async () => {
  const rows: [to: string, verdict: Verdict][] = [
    ['http://0.0.0.0:8080/', 'delivered'],
    ['0.0.0.0:8080', 'delivered'],
    ['0.0.0.0:81', 'refused'],
    ['icmp://0.0.0.0', 'delivered'],
    ['udp://0.0.0.0:81', 'refused'],
  ]
  for (const from of senders)
    for (const [to, verdict] of rows) {
      const trace = await world.trace(from, to)
      const story = `${from} to ${to}: ${JSON.stringify(trace, null, 1)}`
      assert.deepEqual([trace.verdict, trace.agrees], [verdict, true], story)
      assert.ok(
        trace.hops.every(({ device }) => device === 'lo'),
        story,
      )
      assert.match(trace.hops[0]?.packet.dst ?? '', /^127\.0\.0\.1(:|$)/, story)
      const [note] = trace.why
      assert.equal(note?.code, 'ThisHost', story)
      assert.match(note.say, /^0\.0\.0\.0 is nobody’s address: as a destination it means the sender itself/)
      assert.ok(!trace.why.some(({ code }) => code === 'NobodyThere' || code === 'OutsideCluster'), story)
    }
})

test('what is for many machines at once is refused before anything is sent, and why', async () => {
  const rows: [to: string, say: RegExp][] = [
    [
      '224.0.0.1:80',
      /^"224\.0\.0\.1:80": 224\.0\.0\.1 is a multicast address \(224\.0\.0\.0\/4\): .*one packet to one machine/,
    ],
    ['udp://239.1.2.3:5000', /a multicast address/],
    ['icmp://224.0.0.1', /a multicast address/],
    ['255.255.255.255:80', /255\.255\.255\.255 is the broadcast address of every wire/],
    ['192.168.50.255:80', /192\.168\.50\.255 is the broadcast address of the nodes’ wire \(192\.168\.50\.0\/24\)/],
    ['100.96.1.255:80', /the broadcast address of the pods of node1 \(100\.96\.1\.0\/24\)/],
    ['127.255.255.255:80', /the broadcast address of the loopback device/],
  ]
  for (const from of senders)
    for (const [to, say] of rows)
      for (const dryRun of [false, true])
        await assert.rejects(
          world.trace(from, to, { dryRun }),
          { code: 'ManyMachines', plain: say },
          `${from} to ${to}`,
        )
})

test('a network’s own address, and ranges that are kept for other ages, are addresses like others to this kernel', async () => {
  const rows: [from: (typeof senders)[number], to: string, verdicts: Verdict[]][] = [
    ['client', '100.96.2.0:80', ['unreachable', 'no-answer']],
    ['node/node1', '100.96.2.0:80', ['unreachable', 'no-answer']],
    ['client', '192.168.50.0:80', ['unreachable', 'no-answer']],
    ['node/node1', '192.168.50.0:80', ['unreachable', 'no-answer']],
    ['outside', '192.168.50.0:80', ['unreachable', 'no-answer']],
    ['client', '240.0.0.1:80', ['unreachable']],
    ['node/node1', '0.1.2.3:80', ['unreachable']],
  ]
  for (const timeoutMs of [300, 4000])
    await Promise.all(
      rows.map(async ([from, to, verdicts]) => {
        const trace = await world.trace(from, to, { timeoutMs })
        const story = `${from} to ${to}: ${JSON.stringify(trace, null, 1)}`
        assert.ok(verdicts.includes(trace.verdict), story)
        assert.ok(trace.agrees, story)
      }),
    )
})
