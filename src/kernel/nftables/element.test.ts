import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Attributes, splitHeader } from '../netlink/reader.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { type Element, readElements, writeElements } from './element.ts'
import { packU32 } from './packed.ts'

test('what is written of elements is what is read', () => {
  const elements: Element[] = [
    { key: packU32(1) },
    { key: packU32(1), comment: 'whose it is' },
    { key: packU32(2), data: packU32(3) },
    { key: packU32(4), data: { verdict: 'goto', chain: 'pick-3' } },
  ]
  const writer = new MessageWriter()
  assert.equal(writeElements(writer, { family: 'ip', name: 't' }, 's', elements.values()), 4)
  assert.deepEqual(read(splitHeader(writer.bytes, 4).attributes), elements)
})

test('an element of the kernel says what it was found for and how long it has to live', () => {
  const bytes = [
    '4c000380', // NFTA_SET_ELEM_LIST_ELEMENTS, nested
    '48000180', // NFTA_LIST_ELEM
    '0c000180 08000100 0a000001', // NFTA_SET_ELEM_KEY { NFTA_DATA_VALUE }
    '0c000500 0000000000000bb8', // NFTA_SET_ELEM_EXPIRATION: 3000 ms
    '2c000780', // NFTA_SET_ELEM_EXPR
    '0c000100 636f756e74657200', // NFTA_EXPR_NAME "counter"
    '1c000280 0c000100 0000000000000063 0c000200 0000000000000003', // NFTA_EXPR_DATA { BYTES 99, PACKETS 3 }
  ]
  const [element] = read(new Attributes(Buffer.from(bytes.join('').replaceAll(' ', ''), 'hex')))
  assert.deepEqual(element, { key: '\n\0\0\u0001', expires: 3000n, counter: { packets: 3n, bytes: 99n } })
})

function read(attributes: Attributes): Element[] {
  const elements: Element[] = []
  readElements(attributes, (element) => elements.push(element))
  return elements
}
