import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type Asker, askerAt } from '../handlers/handler.ts'
import { asked, forwarderTo, scripted } from '../testing/forwarder.ts'
import { record, replyTo, type Script, scriptedUpstream } from '../testing/upstream.ts'
import type { Forwarder } from './forward.ts'

const answer: Script = (query) => [replyTo(query, [record(query.questions[0]?.name ?? '', '192.0.2.1')])]
const nothing: Script = () => []

test('each policy asks its upstreams in its own order', async (t) => {
  const three = await Promise.all([scripted(t, answer), scripted(t, answer), scripted(t, answer)])
  const asks = async (policy: 'sequential' | 'round_robin' | 'random', count: number): Promise<number[]> => {
    const forward = forwarderTo(three, { policy })
    const before = three.map(({ asked }) => asked.length)
    for (let at = 0; at < count; at++) await forward.ask(asked(`n${at}.test`))
    return three.map(({ asked }, at) => asked.length - (before[at] ?? 0))
  }
  assert.deepEqual(await asks('sequential', 6), [6, 0, 0])
  assert.deepEqual(await asks('round_robin', 6), [2, 2, 2])
  const random = await asks('random', 90)
  assert.ok(
    random.every((count) => count > 10 && count < 60),
    String(random),
  )
})

test('an ill upstream is asked last, is looked at, and is asked again once it answers', async (t) => {
  let ill = true
  const first = await scripted(t, (query, transport) => (ill ? [] : answer(query, transport)))
  const second = await scripted(t, answer)
  const forward = forwarderTo([first, second], { timeout: 60, maxFails: 2, healthInterval: 20 })
  const from = async (name: string): Promise<string> => (await forward.ask(asked(name))).from
  for (const name of ['a.test', 'b.test', 'c.test', 'd.test'])
    assert.equal(await from(name), `127.0.0.1 port ${second.port}`)
  const questions = first.asked.filter((line) => line !== 'udp ')
  assert.deepEqual(questions, ['udp a.test', 'udp b.test'], 'two failures are enough')
  await until(() => first.asked.filter((line) => line === 'udp ').length > 2)
  ill = false
  await until(() => forward.upstreams[0]?.ill === false)
  const probes = first.asked.filter((line) => line === 'udp ').length
  assert.equal(await from('e.test'), `127.0.0.1 port ${first.port}`)
  await wait(60)
  assert.equal(first.asked.filter((line) => line === 'udp ').length, probes, 'it is not looked at any more')
  forward.close()
})

test('when all are ill one is asked anyway', async (t) => {
  let ill = true
  const script: Script = (query, transport) => (ill ? [] : answer(query, transport))
  const two = await Promise.all([scripted(t, script), scripted(t, script)])
  const forward = forwarderTo(two, { timeout: 60, maxFails: 1, healthInterval: 60_000 })
  await assert.rejects(async () => forward.ask(asked('a.test')), { code: 'Timeout' })
  const before = two.map(({ asked }) => asked.length)
  await assert.rejects(async () => forward.ask(asked('b.test')), { code: 'Timeout' })
  const more = two.map(({ asked }, at) => asked.length - (before[at] ?? 0)).sort()
  assert.deepEqual(more, [0, 2], 'one of them, and once more because a datagram may have been lost')
  ill = false
  assert.match((await forward.ask(asked('c.test'))).from, /^127\.0\.0\.1 port/)
  forward.close()
})

test('with maxFails 0 an upstream is never ill', async (t) => {
  const silent = await scripted(t, nothing)
  const good = await scripted(t, answer)
  const forward = forwarderTo([silent, good], { timeout: 60, maxFails: 0, healthInterval: 1 })
  for (let at = 0; at < 4; at++) await forward.ask(asked(`n${at}.test`))
  assert.equal(silent.asked.length, 4)
})

test('a datagram that is lost is sent again', async (t) => {
  let lost = 0
  const upstream = await scripted(t, (query, transport) => (lost++ === 0 ? [] : answer(query, transport)))
  const forward = forwarderTo([upstream], { timeout: 1000 })
  assert.equal((await forward.ask(asked('a.test'))).reply.rcode, 0)
  assert.equal(upstream.asked.length, 2)
})

test('an upstream that dies and comes back under load costs only the questions that it had', async (t) => {
  const other = await scripted(t, answer)
  const dying = await scriptedUpstream(answer)
  const forward = forwarderTo([dying, other], { policy: 'round_robin', timeout: 200, maxFails: 1, healthInterval: 20 })
  let at = 0
  const load = async (questions: number): Promise<void> => {
    const worker = async (): Promise<void> => {
      for (let left = questions / 20; left > 0; left--)
        assert.equal((await forward.ask(asked(`n${at++}.test`))).reply.rcode, 0)
    }
    await Promise.all(Array.from({ length: 20 }, worker))
  }
  await load(200)
  assert.ok(dying.asked.length > 50)
  const under = load(400)
  dying.close()
  await under
  assert.equal(forward.upstreams[0]?.ill, true)
  const again = await scriptedUpstream(answer, dying.port)
  t.after(() => again.close())
  await until(() => forward.upstreams[0]?.ill === false)
  await load(200)
  assert.ok(again.asked.length > 50)
  forward.close()
})

test('no more questions are under way than allowed', async (t) => {
  const upstream = await scripted(t, nothing)
  const forward = forwarderTo([upstream], { timeout: 50, maxConcurrent: 5 })
  const names = Array.from({ length: 8 }, (_, at) => `n${at}.test`)
  const codes = await Promise.all(names.map((name) => codeOf(forward, name)))
  assert.deepEqual(codes, [...Array<string>(5).fill('Timeout'), ...Array<string>(3).fill('TooMany')])
  assert.equal(await codeOf(forward, 'next.test'), 'Timeout', 'what has ended counts no more')
})

test('no more clients wait for a question than memory should hold', async (t) => {
  const forward = forwarderTo([await scripted(t, nothing)], { timeout: 50, maxConcurrent: 2 })
  const codes = await Promise.all(Array.from({ length: 40 }, async () => codeOf(forward, 'same.test')))
  assert.equal(codes.filter((code) => code === 'TooMany').length, 8)
})

test('a client with many questions waiting gets SERVFAIL at once for more, and no other client does', async (t) => {
  const upstream = await scripted(t, nothing)
  const forward = forwarderTo([upstream], { timeout: 50, inFlightPerClient: 3 })
  const [one, other] = [askerAt('udp', '192.0.2.1'), askerAt('udp', '192.0.2.2')]
  const names = ['a.test', 'a.test', 'b.test', 'c.test']
  const codes = await Promise.all([
    ...names.map((name) => codeOf(forward, name, one)),
    ...names.slice(1).map((name) => codeOf(forward, name, other)),
  ])
  const [first, last] = [Array<string>(3).fill('Timeout'), Array<string>(3).fill('Timeout')]
  assert.deepEqual(codes, [...first, 'TooMany', ...last])
  assert.equal(await codeOf(forward, 'c.test', one), 'Timeout', 'what has ended counts no more')
})

test('names that are excepted are not asked there', async (t) => {
  const forward = forwarderTo([await scripted(t, answer)], { except: ['corp.test', 'x.org'] })
  const takes = (name: string): boolean => forward.takes(asked(name).name)
  assert.deepEqual(['corp.test', 'a.corp.test', 'A.B.X.ORG'].map(takes), [false, false, false])
  assert.deepEqual(['test', 'mycorp.test', 'corp.test.org', 'org', '.'].map(takes), [true, true, true, true, true])
  assert.ok(takes('a\\004corp\\004test'), 'these bytes stand in one label')
})

async function codeOf(forward: Forwarder, name: string, asker?: Asker): Promise<string> {
  try {
    await forward.ask(asked(name), asker)
    return 'none'
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Looks at what no event tells. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(5)
}
