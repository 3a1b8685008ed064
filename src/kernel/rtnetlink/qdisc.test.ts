import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Message, parseMessages } from '../netlink/reader.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { addIngress, readQdisc, setTokenBucket } from './qdisc.ts'
import { readRedirect, redirectIngress } from './redirect.ts'
import type { Request } from './request.ts'

const told = (type: number, text: string): Message => ({
  type,
  flags: 0,
  seq: 1,
  pid: 0,
  body: Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex')),
})

// Bodies as a Linux 6.18 kernel sent them; statistics are cut off.

test('a token bucket of more than 32 bits of bytes a second, as the kernel tells of it', () => {
  const body = `00000000 03000000 00000100 ffffffff 03000000 08000100 74626600
    38000200 28000100 0001000001000000 ffffffff 000000000000000000000000 2039e80e 9c000000 00000000
             0c000400 00e40b5402000000`
  assert.deepEqual(readQdisc(told(36, body)), {
    index: 3,
    kind: 'tbf',
    place: 'root',
    tbf: { rate: 10_000_000_000n, limit: 250_100_000 },
  })
})

test('what comes in by a link, as the kernel tells of it', () => {
  const ingress = readQdisc(told(36, '00000000 03000000 0000ffff f1ffffff 01000000 0c000100 696e677265737300'))
  assert.deepEqual(ingress, { index: 3, kind: 'ingress', place: 'ingress', tbf: undefined })
  const table =
    '00000000 03000000 00008000 0000ffff 00030100 08000100 75333200 08000b0000000000 0c000200 0800040001000000'
  assert.equal(readRedirect(told(44, table)), undefined)
  const filter = `00000000 03000000 00088000 0000ffff 00030100 08000100 75333200 08000b0000000000
    84000200 24000500 01000100000000000000000000000000 00000000000000000000000000000000
             08000200 00000080
             54000700 50000100 0b000100 6d69727265640000
                      40000200 20000200 01000000 00000000 04000000 01000000 01000000 01000000 04000000
                               1c000100 0000000000000000000000000000000000000000000000 00`
  assert.equal(readRedirect(told(44, filter)), 4)
})

test('what is asked for is what is read', () => {
  const u32 = fc.integer({ min: 1, max: 0xffffffff })
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 63n }), u32, u32, fc.nat(), (rate, limit, burst, index) => {
      const qdisc = readQdisc(written(setTokenBucket(index, { rate, limit, burst })))
      assert.deepEqual(qdisc, { index, kind: 'tbf', place: 'root', tbf: { rate, limit } })
      assert.equal(readQdisc(written(addIngress(index)))?.place, 'ingress')
      assert.equal(readRedirect(written(redirectIngress(index, limit))), limit)
    }),
  )
})

function written({ type, flags, write }: Request): Message {
  const writer = new MessageWriter()
  writer.message(type, flags, write)
  const [message] = parseMessages(writer.bytes)
  return message ?? assert.fail()
}
