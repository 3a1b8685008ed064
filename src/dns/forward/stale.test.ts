import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asked, forwarderTo, scripted } from '../testing/forwarder.ts'
import { record, replyTo, type Script } from '../testing/upstream.ts'
import { bytesNow } from './reply.ts'

test('when upstreams fail, what is past its time is given with a TTL of 30, and renewed when they are back', async (t) => {
  let how: 'answer' | 'fail' | 'refuse' | 'change' = 'answer'
  /** What the cache believes has passed. */
  let seconds = 0
  const script: Script = (query) => {
    if (how === 'fail') return [replyTo(query, [], { rcode: 2 })]
    if (how === 'refuse') return [replyTo(query, [], { rcode: 5 })]
    return [replyTo(query, [record('a.test', how === 'answer' ? '192.0.2.1' : '192.0.2.2', 300)])]
  }
  const upstream = await scripted(t, script)
  const port = `127.0.0.1 port ${upstream.port}`
  const forward = forwarderTo([upstream], { timeout: 5000 }, { serveStale: 3600 }, () => seconds * 1000)
  const ask = async (): Promise<string> => {
    const { reply, from } = await forward.ask(asked('a.test'))
    const bytes = bytesNow(reply)
    return `${bytes.subarray(-4).join('.')} ${bytes.readUInt32BE(bytes.length - 10)} ${from}`
  }
  assert.equal(await ask(), `192.0.2.1 300 ${port}`)
  seconds = 12
  assert.equal(await ask(), `192.0.2.1 288 cache (${port})`)
  seconds = 31
  how = 'fail'
  assert.equal(await ask(), `192.0.2.1 30 stale cache (${port})`)
  assert.equal(upstream.asked.length, 2)
  assert.equal(await ask(), `192.0.2.1 30 stale cache (${port})`)
  assert.equal(upstream.asked.length, 2, 'upstreams that have just failed are left alone')
  seconds = 37
  how = 'refuse'
  assert.equal(await ask(), `192.0.2.1 30 stale cache (${port})`)
  assert.equal(upstream.asked.length, 3)
  seconds = 43
  how = 'change'
  assert.equal(await ask(), `192.0.2.2 300 ${port}`)
  assert.equal(await ask(), `192.0.2.2 300 cache (${port})`)
  seconds = 43 + 30 + 3600
  how = 'fail'
  assert.equal((await forward.ask(asked('a.test'))).reply.rcode, 2, 'everything ends')
})

test('a client does not wait long for an upstream that is silent when there is something past its time', async (t) => {
  let seconds = 0
  const upstream = await scripted(t, (query) => {
    if (seconds === 0) return [replyTo(query, [record('a.test', '192.0.2.1', 10)])]
    return []
  })
  const forward = forwarderTo([upstream], { timeout: 2500 }, { serveStale: 60 }, () => seconds * 1000)
  await forward.ask(asked('a.test'))
  seconds = 11
  const start = performance.now()
  const told = await Promise.all([forward.ask(asked('a.test')), forward.ask(asked('a.test'))])
  assert.deepEqual(
    told.map(({ from }) => from.slice(0, 11)),
    ['stale cache', 'stale cache'],
  )
  assert.ok(performance.now() - start < 2400)
  assert.equal(upstream.asked.length, 2, 'one question for both')
})

test('without serveStale nothing past its time is given', async (t) => {
  let seconds = 0
  const upstream = await scripted(t, (query) =>
    seconds === 0 ? [replyTo(query, [record('a.test', '192.0.2.1', 10)])] : [replyTo(query, [], { rcode: 2 })],
  )
  const forward = forwarderTo([upstream], {}, {}, () => seconds * 1000)
  await forward.ask(asked('a.test'))
  seconds = 11
  assert.equal((await forward.ask(asked('a.test'))).reply.rcode, 2)
})
