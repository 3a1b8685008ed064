import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MessageWriter } from './writer.ts'

test('what is written does not depend on how often the buffer had to grow', () => {
  const steps: Record<string, (w: MessageWriter, value: number) => void> = {
    raw: (w, value) => w.raw(new Uint8Array(value % 40).fill(value)),
    flag: (w) => w.flag(1),
    u8: (w, value) => w.u8(2, value),
    u16: (w, value) => w.u16(3, value),
    u32: (w, value) => w.u32(4, value),
    i32: (w, value) => w.i32(5, -value),
    u64: (w, value) => w.u64(6, BigInt(value)),
    be16: (w, value) => w.be16(7, value),
    be32: (w, value) => w.be32(8, value),
    be64: (w, value) => w.be64(9, BigInt(value)),
    string: (w, value) => w.string(10, 'x'.repeat(value % 30)),
    attribute: (w, value) => w.attribute(11, new Uint8Array(value % 50).fill(value)),
    latin1: (w, value) => w.latin1(12, '\xff'.repeat(value % 20)),
    nest: (w, value) => w.nest(13, (inner) => inner.u32(14, value)),
    header: (w, value) => w.header(8).setUint32(4, value, true),
  }
  const plan = fc.array(fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.integer({ min: 0, max: 255 })))
  fc.assert(
    fc.property(plan, (chosen) => {
      const [small, large] = [new MessageWriter(4), new MessageWriter(1 << 20)]
      for (const writer of [small, large])
        writer.message(20, 1, () => {
          for (const [name, value] of chosen) steps[name]?.(writer, value)
        })
      assert.deepEqual(small.bytes, large.bytes)
    }),
  )
})
