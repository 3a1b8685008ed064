import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ForwardConfig } from '../config/config.ts'
import { asked, forwarderTo, scripted } from '../testing/forwarder.ts'
import { record, replyTo, type Script } from '../testing/upstream.ts'
import { flags, types } from '../wire/message.ts'

/** What an upstream does with a question. */
const moods = {
  answers: (query) => [replyTo(query, [right(query)])],
  'answers after lies': (query) => [
    replyTo(query, [wrong], { id: query.id ^ 1 }),
    replyTo(query, [wrong], { questions: [{ name: 'other.test', type: types.A, class: 1 }] }),
    Buffer.from('garbage'),
    replyTo(query, [right(query)]),
  ],
  'answers over TCP': (query, transport) =>
    transport === 'tcp' ? [replyTo(query, [right(query)])] : [replyTo(query, [], { flags: flags.QR | flags.TC })],
  'knows no EDNS': (query) =>
    query.additionals.length > 0 ? [replyTo(query, [], { rcode: 1 })] : [replyTo(query, [right(query)])],
  'knows no EDNS, and says so with a header': (query) =>
    query.additionals.length > 0
      ? [replyTo(query, [], { rcode: 1, questions: [], additionals: [] })]
      : [replyTo(query, [right(query)])],
  fails: (query) => [replyTo(query, [], { rcode: 2 })],
  refuses: (query) => [replyTo(query, [], { rcode: 5 })],
  'says nothing': () => [],
  'says garbage': () => [Buffer.from('garbage')],
} satisfies Record<string, Script>
type Mood = keyof typeof moods

const wrong = record('n.test', '6.6.6.6')
const right = (query: Parameters<Script>[0]) => record(query.questions[0]?.name ?? '', '192.0.2.1')
const good = new Set<Mood>([
  'answers',
  'answers after lies',
  'answers over TCP',
  'knows no EDNS',
  'knows no EDNS, and says so with a header',
])

test('whatever moods upstreams are in, a question is answered rightly when one of them is willing, and never wrongly', async (t) => {
  let now: readonly Mood[] = []
  const three = await Promise.all(
    [0, 1, 2].map((which) => scripted(t, (query, transport) => moods[now[which] ?? 'answers'](query, transport))),
  )
  const policies: readonly ForwardConfig['policy'][] = ['random', 'round_robin', 'sequential']
  const mood = fc.constantFrom(...(Object.keys(moods) as Mood[]))
  let at = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(mood, mood, mood), { maxLength: 4 }),
      fc.constantFrom(...policies),
      async (days, policy) => {
        const forward = forwarderTo(three, { policy, timeout: 60, maxFails: 0 })
        for (const day of days) {
          now = day
          const name = `n${at++}.test`
          const said = await Promise.resolve(forward.ask(asked(name))).then(
            ({ reply }) => ({ rcode: reply.rcode, address: reply.bytes.subarray(-4).join('.') }),
            () => undefined,
          )
          if (day.some((one) => good.has(one))) assert.deepEqual(said, { rcode: 0, address: '192.0.2.1' })
          else assert.ok(said === undefined || said.rcode === 2 || said.rcode === 5)
        }
        forward.close()
      },
    ),
    { numRuns: 25 },
  )
})
