import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ackOf, NetlinkError } from './error.ts'
import { Attributes, parseMessages, splitHeader } from './reader.ts'
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from './socket.ts'
import { MessageWriter } from './writer.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const first = <T>(list: readonly T[]): T => list[0] ?? assert.fail('empty')

test('a message has the bytes that the header file prescribes', () => {
  // What `ip link add br0 type bridge` sends, but for its sequence number (struct nlmsghdr, struct ifinfomsg, IFLA_IFNAME, IFLA_LINKINFO).
  const expected = hex(`
    3c000000 1000 0506 00000000 00000000
    00 00 0000 00000000 00000000 00000000
    0800 0300 62723000
    1000 1280  0b00 0100 6272696467650000
  `)
  expected[0] = expected.length
  const writer = new MessageWriter(16).message(16, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, (w) => {
    w.header(16)
    w.string(3, 'br0')
    w.nest(18, () => w.string(1, 'bridge'))
  })
  assert.deepEqual(writer.bytes, expected)
})

type Value =
  | { kind: 'u8' | 'u16' | 'u32' | 'be16' | 'be32' | 'i32'; value: number }
  | { kind: 'u64' | 'be64'; value: bigint }
  | { kind: 'string'; value: string }
  | { kind: 'bytes'; value: Uint8Array }
  | { kind: 'nest'; value: Value[] }

const integer = (kind: 'u8' | 'u16' | 'u32' | 'be16' | 'be32' | 'i32', min: number, max: number): fc.Arbitrary<Value> =>
  fc.integer({ min, max }).map((value) => ({ kind, value }))
const values = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    integer('u8', 0, 255),
    integer('u16', 0, 65535),
    integer('be16', 0, 65535),
    integer('u32', 0, 0xffffffff),
    integer('be32', 0, 0xffffffff),
    integer('i32', -(2 ** 31), 2 ** 31 - 1),
    fc.bigInt(0n, 2n ** 64n - 1n).map((value): Value => ({ kind: 'u64', value })),
    fc.bigInt(0n, 2n ** 64n - 1n).map((value): Value => ({ kind: 'be64', value })),
    fc
      .string({ unit: 'grapheme' })
      .filter((text) => !text.includes('\0'))
      .map((value): Value => ({ kind: 'string', value })),
    fc.uint8Array({ maxLength: 40 }).map((value): Value => ({ kind: 'bytes', value })),
    fc.array(tie('value'), { maxLength: 4 }).map((value): Value => ({ kind: 'nest', value })),
  ),
})).value

function write(w: MessageWriter, list: Value[]): void {
  for (const [index, one] of list.entries()) {
    if (one.kind === 'nest') w.nest(index + 1, () => write(w, one.value))
    else if (one.kind === 'bytes') w.attribute(index + 1, one.value)
    else if (one.kind === 'string') w.string(index + 1, one.value)
    else if (typeof one.value === 'bigint') w[one.kind as 'u64' | 'be64'](index + 1, one.value)
    else w[one.kind as 'u32'](index + 1, one.value)
  }
}

function check(attributes: Attributes, list: Value[]): void {
  for (const [index, one] of list.entries()) {
    if (one.kind === 'nest') check(attributes.nested(index + 1) ?? assert.fail(), one.value)
    else assert.deepEqual(attributes[one.kind](index + 1), one.value)
  }
  assert.deepEqual(
    [...attributes.entries()].map((one) => one.type),
    list.map((_, index) => index + 1),
  )
}

test('what was written is read back, message by message', () => {
  fc.assert(
    fc.property(fc.array(fc.array(values, { maxLength: 6 }), { maxLength: 4 }), (messages) => {
      const writer = new MessageWriter(16)
      // Memory that held something else must not shine through the padding.
      writer.raw(new Uint8Array(500).fill(0xff))
      writer.clear()
      for (const list of messages)
        writer.message(20, 1, (w) => {
          w.header(8).setUint32(4, 7, true)
          write(w, list)
        })
      assert.equal(writer.count, messages.length)
      const read = parseMessages(writer.bytes.slice())
      assert.equal(read.length, messages.length)
      for (const [index, message] of read.entries()) {
        const { header, attributes } = splitHeader(message.body, 8)
        assert.deepEqual([message.type, message.flags, header.getUint32(4, true)], [20, 1, 7])
        check(attributes, messages[index] ?? assert.fail())
      }
    }),
  )
})

test('arbitrary bytes are read within their bounds, or refused', () => {
  const visit = (attributes: Attributes): void => {
    for (const one of attributes.entries()) {
      attributes.string(one.type)
      try {
        attributes.u32(one.type)
        visit(one.nested())
      } catch (error) {
        assert.match(String(error), /malformed/)
      }
    }
  }
  const small = fc.uint8Array({ maxLength: 80 }).map((bytes) => bytes.map((byte, i) => (i % 4 === 1 ? 0 : byte)))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), small), (bytes) => {
      for (const read of [() => parseMessages(bytes).map(ackOf), () => visit(new Attributes(bytes))]) {
        try {
          read()
        } catch (error) {
          assert.match(String(error), /malformed/)
        }
      }
    }),
    { numRuns: 2000 },
  )
})

test('nesting without end, lengths beyond the message and values too short are refused', () => {
  let bytes = new Uint8Array(0)
  for (let i = 0; i < 40; i++) {
    const outer = new Uint8Array(bytes.length + 4)
    new DataView(outer.buffer).setUint16(0, outer.length, true)
    outer[2] = 1
    outer.set(bytes, 4)
    bytes = outer
  }
  const descend = (attributes: Attributes): void => descend(attributes.nested(1) ?? assert.fail())
  assert.throws(() => descend(new Attributes(bytes)), /nested too deeply/)
  assert.throws(() => new Attributes(hex('0800 0100 0000')), /malformed: attribute 1 of 8 bytes at byte 0 of 6/)
  assert.throws(() => new Attributes(hex('0300 0100')), /malformed/)
  assert.throws(() => new Attributes(hex('0600 0100 0102')).u32(1), /attribute 1 has 2 bytes, not 4/)
  assert.throws(() => parseMessages(hex('20000000 0000 0000 00000000 00000000')), /malformed: message at byte 0 of 16/)
  assert.throws(() => parseMessages(hex('00000000 0000 0000 00000000 00000000')), /malformed/)
})

test('an attribute longer than its 16-bit length is refused, not cut', () => {
  const writer = new MessageWriter()
  assert.throws(() => writer.attribute(1, new Uint8Array(65532)), RangeError)
  assert.throws(
    () => writer.nest(1, () => [1, 2].forEach((type) => writer.attribute(type, new Uint8Array(40000)))),
    RangeError,
  )
})

test('an acknowledgement carries the kernel’s sentence and the offending byte', () => {
  // NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS: -EEXIST, the header it answers, NLMSGERR_ATTR_MSG, NLMSGERR_ATTR_OFFS.
  const bytes = hex(`
    40000000 0200 0003 07000000 00000000
    efffffff  3c000000 1000 0506 07000000 00000000
    0c00 0100 6e6f20776179 0000
    0800 0200 18000000
  `)
  bytes[0] = bytes.length
  const message = first(parseMessages(bytes))
  assert.deepEqual(ackOf(message), { errno: 17, say: 'no way', offset: 24 })
  assert.equal(new NetlinkError('add link x', 17, 'no way', 24).message, 'kernel: add link x: EEXIST: no way')
  assert.match(new NetlinkError('add link x', 1).message, /EPERM: CAP_NET_ADMIN is missing/)
})
