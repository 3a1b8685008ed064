import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { handlerList } from '../handlers/list.ts'
import { Responder } from '../server/responder.ts'
import { overTcp, overUdp, queryOf, read, summary } from '../testing/ask.ts'
import { zoneOf } from '../testing/cluster.ts'
import { encodeMessage } from './codec.ts'
import { explainingOpt, explanationIn } from './explain.ts'
import { flags, types } from './message.ts'

const zone = zoneOf()
const responder = new Responder({ ...handlerList({ zone, synced: () => true }), log: pino({ level: 'silent' }) })

test('who answered is told to those who ask, beside the same answer', async () => {
  for (const [name, who] of [
    ['svc1.testns.svc.cluster.local', 'cluster: service testns/svc1'],
    ['nosuch.testns.svc.cluster.local', 'cluster: no such name'],
    ['example.com', 'nobody'],
  ] as const) {
    const asking = await answer(explaining(name))
    const plain = await answer(queryOf(name, 'A', { opt: { size: 1232 } }))
    assert.equal(explanationOf(asking), who)
    assert.equal(explanationOf(plain), undefined)
    assert.equal(summary(read(asking)), summary(read(plain)))
    const bare = await answer(queryOf(name, 'A'))
    assert.equal(read(bare).additionals.length, 0)
  }
})

test('there is no explanation where it would make the answer too long', async () => {
  const many = 'hdls1.testns.svc.cluster.local'
  const over = async (udp: boolean): Promise<Buffer> => answer(explaining(many, 'SRV', 512), udp ? overUdp : overTcp)
  const udp = await over(true)
  assert.ok(udp.length <= 512)
  assert.equal(explanationOf(udp), undefined)
  assert.equal(explanationOf(await over(false)), 'cluster: service testns/hdls1')
})

test('any bytes as options are answered, and read', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (options) => {
      const reply = await answer(explaining('svc1.testns.svc.cluster.local', 'A', 1232, Buffer.from(options)))
      assert.equal(summary(read(reply)), 'NOERROR 10.0.0.1')
      assert.equal(typeof (explanationIn(options) ?? ''), 'string')
    }),
  )
})

test('what goes to a terminal has no control characters', () => {
  const text = Buffer.from('a\u001b[31m\u009bb\n')
  assert.equal(explanationIn(Buffer.concat([Buffer.from([0xfd, 0xe9, 0, text.length]), text])), 'a?[31m?b?')
})

async function answer(query: Buffer, asker = overUdp): Promise<Buffer> {
  const reply = await responder.react(query, asker)
  assert.ok(reply)
  return reply
}

function explaining(
  name: string,
  type: 'A' | 'SRV' = 'A',
  size = 1232,
  data: Buffer = explainingOpt(size).data,
): Buffer {
  return encodeMessage({
    id: 7,
    flags: flags.RD,
    rcode: 0,
    questions: [{ name, type: types[type], class: 1 }],
    answers: [],
    authorities: [],
    additionals: [{ ...explainingOpt(size), data }],
  })
}

function explanationOf(reply: Buffer): string | undefined {
  const opt = read(reply).additionals.at(-1)
  return opt?.type === 'other' && opt.code === types.OPT ? explanationIn(opt.data) : undefined
}
