import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MessageWriter } from '../netlink/writer.ts'
import { splitHeader } from '../netlink/reader.ts'
import { type FieldType, fieldTypes } from './fields.ts'
import { readSet, sameSpec, type SetSpec, writeSet } from './set.ts'

const table = { family: 'ip', name: 't' } as const
const fields = fc.array(fc.constantFrom(...(Object.keys(fieldTypes) as FieldType[])), { minLength: 1, maxLength: 5 })
const spec: fc.Arbitrary<SetSpec> = fc.record(
  {
    name: fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/),
    key: fields,
    data: fc.oneof(fields, fc.constant('verdict' as const)),
    dynamic: fc.constant(true as const),
    timeout: fc.bigInt({ min: 0n, max: 1n << 40n }),
    counter: fc.constant(true as const),
    size: fc.integer({ min: 1, max: 0xffffffff }).filter((size) => size !== 0xffff),
    comment: fc.stringMatching(/^[ -~]{0,60}$/),
  },
  { requiredKeys: ['name', 'key'], noNullPrototype: true },
)

test('what is written of a set is what is read', () => {
  fc.assert(fc.property(spec, (set) => assert.deepEqual(readSet(attributesOf(set)), set)))
})

test('a size stands in a description', () => {
  const { bytes } = written({ name: 's', key: ['mark'], size: 4096 })
  assert.ok(Buffer.from(bytes).toString('hex').includes('0c0009800800010000001000'))
})

test('a counter for each element is an expression of the set', () => {
  const { bytes } = written({ name: 's', key: ['mark'], counter: true })
  const expected = [
    '2c001180', // NFTA_SET_EXPR, nested, 44 bytes
    '0c000100 636f756e74657200', // NFTA_EXPR_NAME "counter"
    '1c000280', // NFTA_EXPR_DATA, nested, 28 bytes
    '0c000100 0000000000000000', // NFTA_COUNTER_BYTES
    '0c000200 0000000000000000', // NFTA_COUNTER_PACKETS
  ]
  assert.ok(Buffer.from(bytes).toString('hex').includes(expected.join('').replaceAll(' ', '')))
})

test('a dynamic set without a size has the size that the kernel gives it', () => {
  const bare: SetSpec = { name: 's', key: ['mark'], dynamic: true }
  assert.deepEqual(readSet(attributesOf({ ...bare, size: 65_535 })), bare)
  assert.ok(sameSpec(bare, { ...bare, size: 65_535 }))
  assert.ok(!sameSpec(bare, { ...bare, size: 65_536 }))
  const plain: SetSpec = { name: 's', key: ['mark'] }
  assert.ok(!sameSpec(plain, { ...plain, size: 65_535 }))
})

function written(set: SetSpec): MessageWriter {
  const writer = new MessageWriter()
  writeSet(writer, table, set, 1)
  return writer
}

function attributesOf(set: SetSpec): ReturnType<typeof splitHeader>['attributes'] {
  return splitHeader(written(set).bytes, 4).attributes
}
