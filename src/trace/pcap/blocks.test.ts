import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { address } from '../../base/address.ts'
import { readPcapng } from '../testing/pcapng.ts'
import { enhancedPacket, interfaceDescription, nameResolution, sectionHeader } from './blocks.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const spaced = (text: string): string => text.replace(/\s/g, '')

test('each block, byte for byte', () => {
  assert.equal(
    hex(sectionHeader({ application: 'kubehop', os: 'Linux' })),
    // type, length, byte order, 1.0, length unknown; shb_os, shb_userappl, opt_endofopt; length
    spaced(`0a0d0d0a 38000000 4d3c2b1a 0100 0000 ffffffffffffffff
      0300 0500 4c696e7578 000000  0400 0700 6b756265686f70 00  0000 0000 38000000`),
  )
  assert.equal(
    hex(interfaceDescription({ name: 'node1/cbr0', description: 'x', snap: 256 })),
    spaced(`01000000 38000000 0100 0000 00010000
      0200 0a00 6e6f6465312f63627230 0000  0300 0100 78 000000  0900 0100 09 000000  0000 0000 38000000`),
  )
  assert.equal(
    hex(nameResolution(new Map([[address('100.96.1.2'), ['client.shop.pod', 'c']]]))),
    spaced(`04000000 2c000000 0100 1600 64600102 636c69656e742e73686f702e706f6400 6300 0000  0000 0000 2c000000`),
  )
  const packet = {
    interface: 1,
    time: 0x0123456789abcdefn,
    direction: 'out',
    bytes: Uint8Array.of(1, 2, 3, 4, 5),
    length: 60,
    comments: ['ab'],
  } as const
  assert.equal(
    hex(enhancedPacket(packet)),
    spaced(`06000000 3c000000 01000000 67452301 efcdab89 05000000 3c000000 0102030405 000000
      0100 0200 6162 0000  0200 0400 02000000  0000 0000 3c000000`),
  )
})

const word = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0'))
const name = word.filter((text) => text !== '')

test('whatever is written is read as it was', () => {
  const described = fc.record({ name, description: word, snap: fc.constant(65_535) })
  const packet = fc.record({
    interface: fc.nat(2),
    time: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    direction: fc.constantFrom('in' as const, 'out' as const),
    bytes: fc.uint8Array({ maxLength: 90 }),
    more: fc.nat(2000),
    comments: fc.array(word, { maxLength: 3 }),
  })
  const names = fc.uniqueArray(fc.tuple(fc.ipV4(), fc.array(name, { minLength: 1, maxLength: 3 })), {
    selector: ([ip]) => ip,
    maxLength: 4,
  })
  const about = fc.record({ application: name, os: name, comment: word })
  const all = fc.tuple(about, fc.array(described, { minLength: 3, maxLength: 4 }), names, fc.array(packet))
  fc.assert(
    fc.property(all, ([section, interfaces, called, packets]) => {
      const wanted = packets.map(({ more, ...rest }) => ({ ...rest, length: rest.bytes.length + more }))
      const known = new Map(called.map(([ip, texts]) => [address(ip), texts]))
      const file = readPcapng(
        Buffer.concat([
          sectionHeader(section),
          ...interfaces.map(interfaceDescription),
          nameResolution(known),
          ...wanted.map(enhancedPacket),
        ]),
      )
      assert.deepEqual([file.comment, file.application], [section.comment, section.application])
      assert.deepEqual(
        file.interfaces,
        interfaces.map((one) => ({ ...one })),
      )
      assert.deepEqual(file.names, known)
      assert.deepEqual(file.packets, wanted)
    }),
  )
})

test('a comment that is too long is cut between characters', () => {
  const long = 'ä'.repeat(5000)
  const packet = {
    interface: 0,
    time: 0n,
    direction: 'in',
    bytes: new Uint8Array(),
    length: 0,
    comments: [long],
  } as const
  const file = readPcapng(
    Buffer.concat([
      sectionHeader({ application: 'a', os: 'b' }),
      interfaceDescription({ name: 'x', description: '', snap: 0 }),
      enhancedPacket(packet),
    ]),
  )
  const [comment = ''] = file.packets[0]?.comments ?? []
  assert.ok(comment.length === 1024 && long.startsWith(comment))
})
