import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KubehopError } from '../../base/errors.ts'
import { parseMessages } from '../netlink/reader.ts'
import { readTrace } from './trace.ts'

/** In the layout of Linux 6.18: the first rule that a TCP packet from 100.96.1.2 to 100.64.0.22:80 met with a verdict. */
const goto = [
  'c4000000 110a 0000 00000000 00000000  02 00 0000', // NFT_MSG_TRACE, family ip
  '0800 0f00 00000002', // NFTA_TRACE_NFPROTO
  '0800 0600 009d68b7', // NFTA_TRACE_ID
  '0800 0400 00000003', // NFTA_TRACE_TYPE: rule
  '0c00 0100 6b756265686f7000', // NFTA_TRACE_TABLE "kubehop"
  '1600 0200 66696c7465722d707265726f7574696e6700 0000', // NFTA_TRACE_CHAIN
  '0c00 0300 0000000000000017', // NFTA_TRACE_RULE_HANDLE
  '1800 0580  0800 0100 fffffffc  0b00 0200 72656a65637400 00', // NFTA_TRACE_VERDICT { goto reject }
  '0800 0a00 00000003', // NFTA_TRACE_IIF
  '0600 0b00 0001 0000', // NFTA_TRACE_IIFTYPE
  '1800 0800 4500003c b05c4000 4006c0a7 64600102 64400016', // NFTA_TRACE_NETWORK_HEADER
  '1800 0900 e7a20050 e4b4fe50 00000000 a002faf0 c9e60000', // NFTA_TRACE_TRANSPORT_HEADER
  '0800 1500 00000008', // NFTA_TRACE_CT_STATE: new
  '0500 1300 00 000000', // NFTA_TRACE_CT_DIRECTION: original
  '0800 1200 367154c8', // NFTA_TRACE_CT_ID
]
  .join('')
  .replaceAll(' ', '')

test('a trace message tells the packet, the rule and the verdict', () => {
  const bytes = Buffer.from(goto, 'hex')
  bytes.writeUInt32LE(bytes.length, 0)
  const [message] = parseMessages(bytes)
  const event = message && readTrace(message)
  const { network, transport, ...rest } = event ?? assert.fail('no trace')
  assert.deepEqual(rest, {
    id: 0x009d68b7,
    type: 'rule',
    family: 'ip',
    table: 'kubehop',
    chain: 'filter-prerouting',
    handle: 23n,
    verdict: { verdict: 'goto', chain: 'reject' },
    iif: 3,
    ct: { id: 0x367154c8, direction: 'original', status: 0, state: 8 },
  })
  assert.deepEqual([...(network?.subarray(12) ?? [])], [100, 96, 1, 2, 100, 64, 0, 22])
  assert.equal(Buffer.from(transport ?? []).readUInt16BE(2), 80)
})

test('messages of other kinds and other subsystems are no traces', () => {
  for (const type of [0x0a0c, 0x0b11])
    assert.equal(readTrace({ type, flags: 0, seq: 0, pid: 0, body: new Uint8Array(4) }), undefined)
})

test('bytes that are no message are an error, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (body) => {
      try {
        readTrace({ type: 0x0a11, flags: 0, seq: 0, pid: 0, body })
      } catch (error) {
        assert.ok(error instanceof KubehopError, String(error))
      }
    }),
  )
})
