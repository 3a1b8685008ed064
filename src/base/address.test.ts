import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  address,
  addressBytes,
  addressFromBytes,
  cidr,
  contains,
  formatCidr,
  indexIn,
  nth,
  overlaps,
  parseAddress,
  parseCidr,
} from './address.ts'

test('text that is an address has one canonical form', () => {
  const rows: [string, string | undefined][] = [
    ['10.0.0.1', '10.0.0.1'],
    ['010.0.0.1', undefined],
    ['256.0.0.1', undefined],
    ['1.2.3.4.5', undefined],
    ['1..2.3', undefined],
    ['1.2.3.', undefined],
    ['1.2.3.0004', undefined],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['1.2.3.4 ', undefined],
    ['1.2.3', undefined],
    ['', undefined],
    ['FD00::0:1', 'fd00::1'],
    ['::', '::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['0:0:1::', '0:0:1::'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['1::2::3', undefined],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['12345::', undefined],
    ['1.2.3.4::', undefined],
  ]
  for (const [text, expected] of rows) assert.equal(parseAddress(text), expected, text)
})

test('bytes and text are the same address', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
      (bytes) => {
        assert.deepEqual(addressBytes(addressFromBytes(bytes)), bytes)
      },
    ),
  )
})

test('a range has no host bits', () => {
  assert.equal(parseCidr('100.96.1.5/24'), undefined)
  assert.equal(parseCidr('100.96.1.0/33'), undefined)
  assert.equal(parseCidr('100.96.1.0'), undefined)
  assert.equal(formatCidr(cidr('100.96.0.0/11')), '100.96.0.0/11')
  assert.equal(formatCidr(cidr('::/0')), '::/0')
})

test('ranges count, contain and overlap', () => {
  const pods = cidr('100.96.0.0/11')
  assert.equal(nth(pods, 257), '100.96.1.1')
  assert.equal(indexIn(pods, address('100.96.1.1')), 257n)
  assert.ok(contains(pods, address('100.127.255.255')))
  assert.ok(!contains(pods, address('100.128.0.0')))
  assert.ok(!contains(pods, address('::1')))
  assert.ok(contains(cidr('0.0.0.0/0'), address('255.1.2.3')))
  assert.ok(contains(cidr('10.0.0.1/32'), address('10.0.0.1')) && !contains(cidr('10.0.0.1/32'), address('10.0.0.0')))
  assert.ok(contains(cidr('128.0.0.0/1'), address('255.0.0.0')) && !contains(cidr('128.0.0.0/1'), address('127.0.0.0')))
  assert.ok(contains(cidr('fd00::/8'), address('fdff::1')) && !contains(cidr('fd00::/8'), address('fe00::1')))
  assert.ok(overlaps(pods, cidr('100.96.7.0/24')) && overlaps(cidr('100.96.7.0/24'), pods))
  assert.ok(!overlaps(pods, cidr('100.64.0.0/13')))
  assert.throws(() => nth(cidr('10.0.0.0/30'), 4), RangeError)
})
