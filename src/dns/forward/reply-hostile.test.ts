import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { queryOf } from '../testing/ask.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import { flags, type Message, type ResourceRecord, types } from '../wire/message.ts'
import { readReply } from './reply.ts'

const asked = queryOf('www.example.test', 'A')
const a: ResourceRecord = { name: 'www.example.test', class: 1, ttl: 60, type: 'A', address: address('192.0.2.1') }
/** Its address would do for a name. */
const zeros: ResourceRecord = { ...a, type: 'A', address: address('0.0.0.0') }
const soa: ResourceRecord = {
  name: 'example.test',
  class: 1,
  ttl: 300,
  type: 'SOA',
  mname: 'ns.example.test',
  rname: 'me.example.test',
  serial: 1,
  refresh: 2,
  retry: 3,
  expire: 4,
  minimum: 5,
}
const opt: ResourceRecord = { name: '', class: 1232, ttl: 0, type: 'other', code: types.OPT, data: new Uint8Array() }
const short: ResourceRecord = { ...a, type: 'other', code: types.A, data: Uint8Array.of(192, 0, 2) }

test('what comes from an upstream is an answer that whoever asked can read, or none', () => {
  const rows: [title: string, reply: Buffer, taken: boolean][] = [
    ['an answer', reply({ answers: [a] }), true],
    ['with OPT', reply({ answers: [a], additionals: [opt] }), true],
    ['in another spelling', spelled(reply({ answers: [a] })), true],
    ['another id', reply({ id: 1, answers: [a] }), false],
    ['a question', reply({ flags: flags.RD, answers: [a] }), false],
    ['another opcode', reply({ flags: flags.QR | 0x2000, answers: [a] }), false],
    ['another name', reply({ questions: [{ name: 'www.example.net', type: 1, class: 1 }] }), false],
    ['another name, as long', reply({ questions: [{ name: 'www.example.best', type: 1, class: 1 }] }), false],
    ['another type', reply({ questions: [{ name: 'www.example.test', type: 28, class: 1 }] }), false],
    ['no question', reply({ questions: [] }), false],
    ['cut', reply({ answers: [a] }).subarray(0, -1), false],
    ['data that do not fit the type', reply({ answers: [short] }), false],
    ['OPT among the answers', reply({ answers: [opt] }), false],
    ['OPT among the authorities', reply({ authorities: [opt] }), false],
    ['two OPT', reply({ answers: [a], additionals: [opt, opt] }), false],
    ['records behind OPT, which go', reply({ answers: [a], additionals: [opt, a] }), true],
    ['SOA behind OPT', reply({ additionals: [opt, soa] }), true],
    ['a name that points to the header', pointing(reply({ answers: [a] }), 0xc000), false],
    ['a name that points to itself', pointing(reply({ answers: [a] }), 0xc000 | asked.length), false],
    ['a name that reads a TTL', pointing(reply({ answers: [a, a] }), 0xc000 | (asked.length + 6), 1), false],
    [
      'a name that reads an address',
      pointing(reply({ answers: [zeros, zeros, a] }), 0xc000 | (asked.length + 12), 2),
      false,
    ],
    ['noise', Buffer.alloc(80, 0xff), false],
    ['nothing', Buffer.alloc(0), false],
  ]
  for (const [title, bytes, taken] of rows) {
    const read = readReply(bytes, asked)
    assert.equal(read !== undefined, taken, title)
    if (!read) continue
    const message = decodeMessage(read.bytes)
    assert.ok(message, title)
    const { answers, authorities, additionals } = message
    for (const one of [...answers, ...authorities, ...additionals])
      assert.ok(one.type !== 'other' || one.code !== types.OPT, `${title}: OPT is between two neighbours only`)
  }
})

test('one that was truncated in the middle of a record says so, and nothing else', () => {
  const whole = reply({ flags: flags.QR | flags.TC, answers: [a, a] })
  for (let length = asked.length; length < whole.length; length++) {
    const read = readReply(whole.subarray(0, length), asked)
    assert.ok(read?.truncated)
    assert.equal(decodeMessage(read.bytes)?.answers.length, 0)
  }
})

function reply(of: Partial<Message>): Buffer {
  const question = { name: 'www.example.test', type: types.A, class: 1 }
  const rest = { rcode: 0, answers: [], authorities: [], additionals: [] }
  return encodeMessage({ id: 0x1234, flags: flags.QR | flags.RA, questions: [question], ...rest, ...of })
}

function spelled(bytes: Buffer): Buffer {
  bytes.write('WWW', 13, 'latin1')
  return bytes
}

/** A record's name is a pointer; they have 16 bytes each. */
function pointing(bytes: Buffer, to: number, record = 0): Buffer {
  bytes.writeUInt16BE(to, asked.length + 16 * record)
  return bytes
}
