import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { address } from '../../base/address.ts'
import { messages, plain, u16 } from '../testing/arbitrary.ts'
import { decodeMessage, encodeMessage } from './codec.ts'
import type { Message } from './message.ts'
import { nameToWire, readName, skipName } from './name.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

test('an answer is these bytes, its names pointing to the question', () => {
  const bytes = hex(`
    beef 8580 0001 0002 0000 0000
    03 777777 04 73686f70 00 0001 0001
    c00c 0005 0001 0000001e 0006 03 617070 c010
    c026 0001 0001 00000005 0004 6440 0102
  `)
  const message: Message = {
    id: 0xbeef,
    flags: 0x8580,
    rcode: 0,
    questions: [{ name: 'www.shop', type: 1, class: 1 }],
    answers: [
      { name: 'www.shop', class: 1, ttl: 30, type: 'CNAME', target: 'app.shop' },
      { name: 'app.shop', class: 1, ttl: 5, type: 'A', address: address('100.64.1.2') },
    ],
    authorities: [],
    additionals: [],
  }
  assert.deepEqual(encodeMessage(message), bytes)
  assert.deepEqual(decodeMessage(bytes), message)
})

test('names have one wire form', () => {
  const rows: [string, string | undefined][] = [
    ['', '00'],
    ['.', '00'],
    ['a', '016100'],
    ['a.', '016100'],
    ['a.b', '0161016200'],
    ['a\\.b', '03612e6200'],
    ['a\\.', '02612e00'],
    ['\\000\\255', '0200ff00'],
    ['\\\\', '015c00'],
    ['..', undefined],
    ['a..b', undefined],
    ['.a', undefined],
    ['a b', undefined],
    ['\\256', undefined],
    ['a\\', undefined],
    ['x'.repeat(64), undefined],
    [new Array(128).fill('a').join('.'), undefined],
    ['ü', undefined],
  ]
  for (const [text, wire] of rows) {
    const made = nameToWire(text)
    assert.equal(made && Buffer.from(made).toString('hex'), wire, text)
  }
})

test('a name that would leave the message or never end is refused', () => {
  const header = '00'.repeat(12)
  const rows: [title: string, bytes: string, at: number][] = [
    ['a pointer to itself', 'c00c', 0],
    ['a pointer forward', '0161c01000016200', 0],
    ['a pointer into its own name', '0161c00c', 0],
    ['two pointers in a circle', 'c00ec00c', 2],
    ['a pointer into the header', 'c00b', 0],
    ['a pointer to the first byte', '00c000', 1],
    ['a pointer behind the message', 'ffff', 0],
    ['cut inside a label', '0361', 0],
    ['cut before its end', '0161', 0],
    ['cut inside a pointer', 'c0', 0],
    ['nothing', '', 0],
    ['a reserved label type', '4161', 0],
    ['the other reserved label type', '8161', 0],
    ['a label of 64 bytes', `40${'61'.repeat(64)}00`, 0],
  ]
  for (const [title, bytes, at] of rows) assert.equal(readName(hex(header + bytes), 12 + at), undefined, title)
  const long = hex(`${header}${`3f${'61'.repeat(63)}`.repeat(3)}3d${'61'.repeat(61)}00 0162c00c`)
  assert.equal(readName(long, 12)?.end, 267, 'as long as a name may be')
  assert.equal(readName(long, 267), undefined, 'longer, by way of a pointer')
  assert.equal(skipName(long, 267), 271)
  // A root, and pointers to the pointer before.
  const chain = hex(
    `${header}00${Array.from({ length: 128 }, (_, at) => (0xc00c + (at === 0 ? 0 : 2 * at - 1)).toString(16)).join('')}`,
  )
  assert.equal(readName(chain, 13 + 2 * 126)?.text, '', 'as many pointers as a name may have labels')
  assert.equal(readName(chain, 13 + 2 * 127), undefined, 'one more')
})

const label = fc.oneof(
  fc.stringMatching(/^[a-z0-9-]{1,12}$/),
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Array.from(bytes, escaped).join('')),
)
const name = fc.array(label, { maxLength: 6 }).map((labels) => labels.join('.'))
const latin1 = fc.uint8Array({ maxLength: 255 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const message = messages({
  name,
  type: u16,
  class: u16,
  flags: u16.map((word) => word & ~0xf),
  rcode: fc.nat(15),
  strings: fc.record({
    type: fc.constantFrom('TXT' as const, 'HINFO' as const),
    strings: fc.array(latin1, { maxLength: 3 }),
  }),
  codes: [15, 41, 64, 65, 0xff00],
})

test('any message comes back as it was written', () => {
  fc.assert(
    fc.property(message, (one) => {
      assert.deepEqual(folded(decodeMessage(encodeMessage(one))), folded(one))
    }),
  )
})

test('any bytes are a message that can be written again, or refused', () => {
  const mutated = fc
    .tuple(message, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }), fc.nat())
    .map(([one, changes, cut]) => {
      const bytes = encodeMessage(one)
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      return cut % 3 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), mutated), (bytes) => {
      const read = decodeMessage(bytes)
      if (read) assert.deepEqual(folded(decodeMessage(encodeMessage(read))), folded(read))
    }),
  )
})

function escaped(byte: number): string {
  if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`
}

/** The case of names that a pointer to another spelling changed compares as equal, too. */
function folded(one: Message | undefined): string {
  return plain(one).toLowerCase()
}
