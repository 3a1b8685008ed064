import assert from 'node:assert/strict'
import { test } from 'node:test'
import { questionFor } from '../forward/question.ts'
import { readReply } from '../forward/reply.ts'
import { anyName } from '../testing/fuzz/names.ts'
import { Random } from '../testing/fuzz/random.ts'
import { anyReply } from '../testing/fuzz/upstream.ts'
import { queryOf } from '../testing/ask.ts'
import { decodeMessage } from '../wire/codec.ts'
import { flags, type ResourceRecord, types } from '../wire/message.ts'
import { lowerName } from '../wire/name.ts'
import { readQuery } from '../wire/query.ts'
import { relay } from './relay.ts'

test("an upstream's answer is passed on as it came, or cut at a record, whatever is in it", () => {
  const random = new Random(3)
  let [whole, cut] = [0, 0]
  for (let at = 0; at < 20_000; at++) {
    const name = anyName(random)
    const query = readQuery(queryFor(name, random))
    if (!query || !('name' in query)) continue
    const asked = questionFor({ name: lowerName(name), type: 1, dnssec: false, unchecked: false }, true)
    const reply = readReply(anyReply(asked, random), asked)
    if (!reply) continue
    const limit = random.pick([512, 1232, 4096, 0xffff])
    const bytes = relay(query, reply, limit)
    assert.ok(bytes.length <= limit)
    const [given, came] = [decodeMessage(bytes), decodeMessage(reply.bytes)]
    assert.ok(given && came)
    const left = recordsOf(came.answers)
    for (const one of recordsOf(given.answers)) {
      const index = left.indexOf(one)
      assert.ok(index >= 0, `${one} is in ${bytes.toString('hex')}, and not in ${reply.bytes.toString('hex')}`)
      left.splice(index, 1)
    }
    if ((given.flags & flags.TC) !== 0) cut++
    else {
      assert.deepEqual(left, [])
      assert.deepEqual(recordsOf(given.authorities), recordsOf(came.authorities))
      whole++
    }
  }
  assert.ok(whole > 3000 && cut > 100, `${whole} whole, ${cut} cut`)
})

function queryFor(name: string, random: Random): Buffer {
  const bytes = queryOf('x', 'A', random.once(2) ? { opt: { size: 4096 } } : {})
  return Buffer.concat([bytes.subarray(0, 12), Buffer.from(name, 'latin1'), bytes.subarray(15)])
}

/** Names may be spelled by way of the question. */
function recordsOf(records: readonly ResourceRecord[]): string[] {
  return records
    .filter((one) => one.type !== 'other' || one.code !== types.OPT)
    .map((one) =>
      JSON.stringify(one, (key, value: unknown) => {
        if (key === 'ttl') return undefined
        return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
      }).toLowerCase(),
    )
}
