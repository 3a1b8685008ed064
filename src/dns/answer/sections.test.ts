import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import packet from 'dns-packet'
import { handlerList } from '../handlers/list.ts'
import { Responder } from '../server/responder.ts'
import { overUdp, queryOf } from '../testing/ask.ts'
import { zoneOf } from '../testing/cluster.ts'
import { forwarderTo, scripted, silent } from '../testing/forwarder.ts'
import { plainData } from './plain-data.ts'

const target = 'ext.interwebs.test'

test('an alias has the data of every type, whatever pointers the upstream has in it', async (t) => {
  // mail.interwebs.test, its last two labels by a pointer to the question.
  const pointed = Buffer.from('\x04mail\xc0\x10', 'latin1')
  const rows: [type: number, data: Buffer, expected: string][] = [
    [15, Buffer.concat([Buffer.of(0, 10), pointed]), '\0\x0a\x04mail\x09interwebs\x04test\0'],
    [
      35,
      Buffer.concat([Buffer.from('\0\x01\0\x02\x01u\x03SIP\0', 'latin1'), pointed]),
      '\0\x01\0\x02\x01u\x03SIP\0\x04mail\x09interwebs\x04test\0',
    ],
    [17, Buffer.concat([pointed, Buffer.of(0)]), '\x04mail\x09interwebs\x04test\0\0'],
    [257, Buffer.from('\0\x05issuex', 'latin1'), '\0\x05issuex'],
    // HTTPS with what looks like a pointer.
    [65, Buffer.from('\0\x01\0\xc0\x0c', 'latin1'), '\0\x01\0\xc0\x0c'],
  ]
  for (const [type, data, expected] of rows) {
    const upstream = await scripted(t, (query) => {
      const question = Buffer.from(
        packet.encode({ type: 'response', id: query.id, flags: 0x180, questions: [{ name: target, type: 'A' }] }),
      )
      question.writeUInt16BE(type, question.length - 4)
      question.writeUInt16BE(1, 6)
      const head = Buffer.from([0xc0, 12, type >> 8, type & 255, 0, 1, 0, 0, 0, 60, 0, data.length])
      return [Buffer.concat([question, head, data])]
    })
    const list = handlerList({ zone: zoneOf(), synced: () => true, forward: forwarderTo([upstream]) })
    const server = new Responder({ ...list, log: silent })
    const reply = await server.react(queryOf('external.testns.svc.cluster.local', type), overUdp)
    assert.ok(reply)
    assert.equal(reply.readUInt16BE(6), 2)
    assert.equal(reply.subarray(-expected.length).toString('latin1'), expected)
  }
})

test('data that is cut, or goes on, or points nowhere is left out', () => {
  const types = [3, 14, 15, 17, 24, 26, 30, 35, 39, 65, 4711]
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 40 }), fc.nat(20), (type, bytes, start) => {
      const data = plainData(bytes, type, Math.min(start, bytes.length), bytes.length)
      assert.ok(data === undefined || data.length <= 3 * 255)
    }),
  )
  const message = Buffer.from('............\x01a\0\0\x05\xc0\x0c', 'latin1')
  assert.deepEqual(plainData(message, 15, 15, 19), Uint8Array.from([0, 5, 1, 97, 0]))
  assert.equal(plainData(message, 15, 15, 18), undefined)
  assert.equal(plainData(message, 15, 12, 19), undefined)
})
