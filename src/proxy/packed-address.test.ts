import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { family, parseAddress } from '../base/address.ts'
import { type Packed, packAddress } from '../kernel/nftables/packed.ts'
import { isReachable, packedAddress } from './packed-address.ts'

const oddIpv4 = fc
  .array(fc.constantFrom('0', '1', '9', '10', '99', '100', '255', '256', '01', '', ' ', '.', 'a', '-1'), {
    maxLength: 5,
  })
  .map((parts) => parts.join('.'))

test('an address reads as everywhere else', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), oddIpv4, fc.string()), (text) => {
      const address = parseAddress(text)
      for (const wanted of [4, 6] as const) {
        const expected = address !== undefined && family(address) === wanted ? packAddress(address) : undefined
        assert.equal(packedAddress(text, wanted), expected)
      }
    }),
    { numRuns: 2000 },
  )
})

test('what nobody can be reached at is no endpoint', () => {
  const reachable = (text: string): boolean =>
    isReachable(packedAddress(text, text.includes(':') ? 6 : 4) ?? ('' as Packed))
  for (const text of ['10.0.0.1', '169.253.1.1', '223.255.255.255', 'fd00::1', '2001:db8::1'])
    assert.ok(reachable(text), text)
  for (const text of [
    '0.0.0.0',
    '127.0.0.1',
    '169.254.1.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'ff02::1',
    '::ffff:10.0.0.1',
  ])
    assert.ok(!reachable(text), text)
})
