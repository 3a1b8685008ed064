import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Message } from '../netlink/reader.ts'
import { readWaiting } from './waiting.ts'

const message = (body: Uint8Array, type = 20): Message => ({ type, flags: 2, seq: 1, pid: 0, body })
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'))

// Bodies as a Linux 6.18 kernel sent them: [::1]:7000 with a backlog of 5 and IPV6_V6ONLY; 127.0.0.1:5353.
const tcp6 = bytesOf(`
  0a0a0000 1b58 0000 00000000000000000000000000000001 00000000000000000000000000000000 00000000 bd99000000000000
  00000000 00000000 05000000 00000000 29d66903
  0500080000000000 05000b0001000000 08000f0000000000 0c00150001000000 00000000 0600160012000000`)
const udp = bytesOf(`
  02070000 14e9 0000 7f000001000000000000000000000000 00000000000000000000000000000000 00000000 be99000000000000
  00000000 00000000 00000000 00000000 2ad66903
  0500080000000000 08000f0000000000 0c00150001000000 00000000 0600160050000000`)

test('sockets that wait, as the kernel tells of them', () => {
  assert.deepEqual(readWaiting(message(tcp6), 'tcp'), {
    protocol: 'tcp',
    address: '::1',
    port: 7000,
    only6: true,
    inode: 0x0369d629,
    waiting: 0,
    backlog: 5,
  })
  assert.deepEqual(readWaiting(message(udp), 'udp'), {
    protocol: 'udp',
    address: '127.0.0.1',
    port: 5353,
    only6: false,
    inode: 0x0369d62a,
  })
})

test('other messages, other families and sockets without a port are none', () => {
  assert.equal(readWaiting(message(udp, 21), 'udp'), undefined)
  assert.equal(readWaiting(message(Uint8Array.of(1, ...udp.subarray(1))), 'udp'), undefined)
  const unbound = udp.slice()
  unbound.fill(0, 4, 6)
  assert.equal(readWaiting(message(unbound), 'udp'), undefined)
})

test('arbitrary bytes are read within their bounds, or refused', () => {
  const changed = fc
    .tuple(
      fc.constantFrom(tcp6, udp),
      fc.array(fc.tuple(fc.nat(120), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
    )
    .map(([body, changes]) => {
      const bytes = body.slice()
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      return bytes
    })
  const cut = fc.tuple(fc.constantFrom(tcp6, udp), fc.nat(120)).map(([body, length]) => body.slice(0, length))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), changed, cut), (bytes) => {
      try {
        readWaiting(message(bytes), 'tcp')
      } catch (error) {
        assert.match(String(error), /malformed/)
      }
    }),
    { numRuns: 2000 },
  )
})
