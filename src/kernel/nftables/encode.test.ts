import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { address } from '../../base/address.ts'
import { parseMessages, splitHeader } from '../netlink/reader.ts'
import { type Element, readElements } from './element.ts'
import { encode } from './encode.ts'
import { concat, type Packed, packAddress, packBe16, packU32, packU8 } from './packed.ts'
import type { SetSpec } from './set.ts'
import type { Table } from './table.ts'
import type { Op, Transaction } from './transaction.ts'

const table: Table = { family: 'ip', name: 't' }
const many: SetSpec = { name: 'many', key: ['mark'], data: ['mark'] }
const NEWSETELEM = 0x0a0c
const DELSETELEM = 0x0a0e

function elementsUpTo(count: number): Element[] {
  return Array.from({ length: count }, (_, i) => ({ key: packU32(i), data: packU32(i) }))
}

function hexOf(transaction: Transaction): string {
  const [batch, ...others] = encode(transaction)
  assert.equal(others.length, 0)
  return Buffer.from(batch?.writer.bytes ?? []).toString('hex')
}

test('an element in a transaction has the bytes that the kernel expects', () => {
  const key = concat(packAddress(address('100.64.0.1')), packU8(6), packBe16(80))
  const bytes = hexOf({ table, ops: [{ op: 'add elements', set: 's', elements: [{ key, data: packU32(3) }] }] })
  assert.equal(
    bytes,
    [
      '14000000 1000 0100 00000000 00000000  00 00 000a', // NFNL_MSG_BATCH_BEGIN, request; family 0, version 0, subsystem 10
      '4c000000 0c0a 0104 00000000 00000000  02 00 0000', // NFT_MSG_NEWSETELEM, request + create; family ip
      '0600 0100 7400 0000', // NFTA_SET_ELEM_LIST_TABLE "t"
      '0600 0200 7300 0000', // NFTA_SET_ELEM_LIST_SET "s"
      '2800 0380', // NFTA_SET_ELEM_LIST_ELEMENTS, nested
      '2400 0180', // NFTA_LIST_ELEM, nested
      '1400 0180  1000 0100 64400001 06000000 00500000', // NFTA_SET_ELEM_KEY { NFTA_DATA_VALUE }
      '0c00 0280  0800 0100 03000000', // NFTA_SET_ELEM_DATA { NFTA_DATA_VALUE }
      '14000000 1100 0100 00000000 00000000  00 00 000a', // NFNL_MSG_BATCH_END
    ]
      .join('')
      .replaceAll(' ', ''),
  )
})

test('a transaction on top of a known one names it, and asks for its own number without having elements echoed', () => {
  const elements = [{ key: packU32(1) }]
  const [batch] = encode({ table, ops: [{ op: 'delete elements', set: 's', elements }] }, undefined, () => 0x01020304)
  const bytes = Buffer.from(batch?.writer.bytes ?? []).toString('hex')
  const expected = [
    '1c000000 1000 0100 00000000 00000000  00 00 000a', // NFNL_MSG_BATCH_BEGIN
    '0800 0100 01020304', // NFNL_BATCH_GENID
    '28000000 0c0a 0904 00000000 00000000  02 00 0000', // NFT_MSG_NEWSETELEM, request + echo + create
    '0600 0100 7400 0000 0600 0200 7300 0000 0400 0380', // table "t", set "s", no elements
    '38000000 0e0a 0100', // NFT_MSG_DELSETELEM, request
  ]
  assert.equal(bytes.slice(0, 2 * (28 + 40 + 8)), expected.join('').replaceAll(' ', ''))
  assert.equal(batch?.writer.count, batch?.ops.length)

  const [other] = encode({ table, ops: [{ op: 'delete set', set: 's' }] }, undefined, () => 1)
  const flags = parseMessages(other?.writer.bytes ?? new Uint8Array()).map((message) => message.flags)
  assert.deepEqual(flags, [1, 1 | 8, 1])
})

test('many elements are spread over messages, none lost, in order', () => {
  const elements = elementsUpTo(10_000)
  const ops: Op[] = [
    { op: 'add set', set: many },
    { op: 'add elements', set: 'many', elements },
  ]
  const [batch] = encode({ table, ops })
  const messages = parseMessages(batch?.writer.bytes ?? new Uint8Array())
  assert.equal(messages.length, batch?.writer.count)
  assert.equal(messages.length, batch?.ops.length)
  const found: Element[] = []
  for (const message of messages.filter(({ type }) => type === NEWSETELEM)) {
    const { attributes } = splitHeader(message.body, 4)
    readElements(attributes, (element) => found.push(element))
    assert.ok(message.body.length <= 0xffff + 64)
  }
  assert.deepEqual(found, elements)
})

test('what does not fit into one batch goes into several, each within the limit, and no replaced element is torn apart', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 30_000, max: 120_000 }), (count, limit) => {
      const elements = elementsUpTo(count)
      const found = new Set<Packed>()
      const all: Op[] = [
        { op: 'add set', set: many },
        { op: 'replace elements', set: 'many', elements },
      ]
      for (const { writer, ops } of encode({ table, ops: all }, limit)) {
        assert.ok(writer.length <= limit)
        assert.equal(ops.length, writer.count)
        const gone = new Set<Packed>()
        for (const message of parseMessages(writer.bytes)) {
          const { attributes } = splitHeader(message.body, 4)
          if (message.type === DELSETELEM) readElements(attributes, ({ key }) => gone.add(key))
          if (message.type === NEWSETELEM)
            readElements(attributes, ({ key }) => {
              assert.ok(gone.delete(key))
              found.add(key)
            })
        }
        assert.equal(gone.size, 0)
      }
      assert.equal(found.size, count)
    }),
    { numRuns: 30 },
  )
})

test('a transaction without operations is no batch', () => {
  assert.deepEqual([...encode({ table, ops: [] })], [])
})
