import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Address,
  address,
  addressBytes,
  addressFromBytes,
  type Cidr,
  cidr,
  parseCidr,
} from '../../base/address.ts'
import { type Message, parseMessages } from '../netlink/reader.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { addAddress, readAddress } from './address.ts'
import { addFdb, readFdb } from './fdb.ts'
import { newsOf } from './follow.ts'
import { readLink, setLink } from './link.ts'
import { readLinkBrief } from './link-brief.ts'
import { addLink } from './linkdata.ts'
import { type Mac, mac, macBytes, macFromBytes, parseMac } from './mac.ts'
import { readNeighbour, setNeighbour } from './neighbour.ts'
import type { Request } from './request.ts'
import { addRoute, readRoute, type Route } from './route.ts'

// Bodies as a Linux 6.18 kernel sent them (RTM_NEW*, little-endian).
const message = (type: number, text: string): Message => ({
  type,
  flags: 0,
  seq: 1,
  pid: 0,
  body: Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex')),
})

test('a veth on a bridge, as the kernel tells of it', () => {
  const told = message(
    16,
    `00000100 03000000 03100000 00000000
       0a000300 7665746831000000  0800 0400 dc050000  0800 0a00 02000000  0800 0500 02000000
       1a001400 706f6420612065746830203130302e39362e312e32000000
       0a000100 0200000000010000  0800 2500 00000000
       6800 1200 09000100 7665746800000000 0b000400 6272696467650000
         4c000500 0500010000000000 0600020020000000 0800030002000000 0500040001000000 0500050000000000
                  0500060000000000 0500070000000000 05001c0000000000 0500080001000000`,
  )
  assert.deepEqual(readLink(told), {
    index: 3,
    name: 'veth1',
    kind: 'veth',
    mac: '02:00:00:00:00:01',
    mtu: 1500,
    up: true,
    running: false,
    promiscuous: false,
    master: 2,
    peer: { index: 2, nsid: 0 },
    alias: 'pod a eth0 100.96.1.2',
    port: { hairpin: true, learning: true, isolated: false, forwarding: false },
    vxlan: undefined,
    stats: undefined,
  })
  const brief = { index: 3, name: 'veth1', kind: 'veth', mtu: 1500, up: true, master: 2 }
  assert.deepEqual(readLinkBrief(told), brief)
  assert.equal(readLinkBrief({ ...told, type: 17 }), undefined)
})

test('a link in brief: whatever the bytes, it is read within them or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 80 }), (body) => {
      try {
        const link = readLinkBrief({ ...message(16, ''), body })
        assert.ok(link && link.name.length <= body.length)
      } catch (error) {
        assert.match(String(error), /malformed: attribute/)
      }
    }),
  )
})

test('an address, a route, a neighbour and a line of the bridge’s table, as the kernel tells of them', () => {
  assert.deepEqual(
    readAddress(
      message(
        20,
        `02188000 02000000 08000100 64600101 08000200 64600101 08000400 646001ff 09000300 6362723000000000
         0800080080000000 14000600 ffffffff ffffffff a2320600 a2320600`,
      ),
    ),
    { index: 2, address: '100.96.1.1', prefix: 24 },
  )
  assert.deepEqual(
    readRoute(
      message(24, '02180000 fe600001 00000000 08000f00fe000000 0800010064600200 0800050064600109 0800040002000000'),
    ),
    { to: cidr('100.96.2.0/24'), kind: 'unicast', protocol: 96, table: 254, via: '100.96.1.9', index: 2 },
  )
  assert.deepEqual(
    readNeighbour(message(28, '02000000 02000000 80000001 08000100 64600102 0a000200 0a58646001020000')),
    { index: 2, address: '100.96.1.2', mac: '0a:58:64:60:01:02', state: 'permanent' },
  )
  assert.deepEqual(
    readFdb(message(28, '07000000 02000000 80000000 0a000200 0a58646001010000 0800090002000000 08000f0000000000')),
    { index: 2, mac: '0a:58:64:60:01:01', state: 'local', bridge: 2 },
  )
})

/** A request for something new has the same shape as the kernel's news of it. */
function sent(request: Request): Message {
  const writer = new MessageWriter().message(request.type, request.flags, request.write)
  return parseMessages(writer.bytes)[0] ?? assert.fail()
}

const plain = { noNullPrototype: true }
const ip4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(addressFromBytes)
const ip6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(addressFromBytes)
const index = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const macs = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => macFromBytes(bytes) as Mac)
const rangeOf = (ip: Address, prefix: number): Cidr => {
  const bytes = addressBytes(ip)
  for (let bit = prefix; bit < bytes.length * 8; bit++) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) & ~(0x80 >> (bit & 7))
  return parseCidr(`${addressFromBytes(bytes)}/${prefix}`) ?? assert.fail()
}

test('what is asked for reads back as it was asked', () => {
  const route = (ip: fc.Arbitrary<Address>, bits: number): fc.Arbitrary<Route> =>
    fc.record(
      {
        to: fc.tuple(ip, fc.integer({ min: 0, max: bits })).map(([base, prefix]) => rangeOf(base, prefix)),
        kind: fc.constantFrom('unicast', 'blackhole', 'unreachable'),
        protocol: fc.integer({ min: 1, max: 255 }),
        table: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        via: ip,
        index,
        priority: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        source: ip,
        onlink: fc.constant(true as const),
      },
      { requiredKeys: ['to', 'kind', 'protocol', 'table'], noNullPrototype: true },
    )
  fc.assert(
    fc.property(fc.oneof(route(ip4, 32), route(ip6, 128)), (one) => {
      assert.deepEqual(readRoute(sent(addRoute(one))), one)
    }),
  )
  const addresses = fc.oneof(
    fc.record({ index, address: ip4, prefix: fc.integer({ min: 0, max: 32 }) }, plain),
    fc.record({ index, address: ip6, prefix: fc.integer({ min: 0, max: 128 }) }, plain),
  )
  fc.assert(fc.property(addresses, (one) => assert.deepEqual(readAddress(sent(addAddress(one))), one)))
  fc.assert(
    fc.property(fc.record({ index, address: fc.oneof(ip4, ip6), mac: macs }, plain), (one) => {
      const message = sent(setNeighbour(one))
      assert.deepEqual(readNeighbour(message), { ...one, state: 'permanent' })
      assert.equal(readFdb(message), undefined)
    }),
  )
  fc.assert(
    fc.property(fc.record({ index, mac: macs, remote: fc.oneof(ip4, ip6) }, plain), (one) => {
      const message = sent(addFdb(one))
      assert.deepEqual(readFdb(message), { ...one, state: 'permanent' })
      assert.equal(readNeighbour(message), undefined)
    }),
  )
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,14}$/)
  fc.assert(
    fc.property(name, fc.integer({ min: 68, max: 9000 }), index, macs, ip4, (name, mtu, master, mac, local) => {
      const spec = { name, mtu, master, mac, up: true }
      const link = readLink(sent(addLink({ ...spec, kind: 'vxlan', id: mtu, port: mtu, local, learning: true })))
      assert.deepEqual(link?.vxlan, { id: mtu, port: mtu, local, learning: true })
      for (const one of [link, readLink(sent(addLink({ ...spec, kind: 'bridge' })))]) {
        assert.deepEqual([one?.name, one?.mtu, one?.master, one?.mac, one?.up], [name, mtu, master, mac, true])
      }
    }),
  )
})

test('a broadcast address is all ones in the host part', () => {
  const body = Buffer.from(sent(addAddress({ index: 2, address: address('100.96.1.1'), prefix: 20 })).body)
  assert.ok(body.includes(Buffer.from([8, 0, 4, 0, 100, 96, 15, 255])))
})

test('a change writes only what it names', () => {
  const link = readLink(sent(setLink(7, { alias: 'x' })))
  assert.deepEqual([link?.index, link?.name, link?.mac, link?.master, link?.alias], [7, '', undefined, undefined, 'x'])
  const flags = (up?: boolean): number[] => {
    const view = new DataView(sent(setLink(7, up === undefined ? {} : { up })).body.slice().buffer)
    return [view.getUint32(8, true), view.getUint32(12, true)]
  }
  assert.deepEqual(
    [flags(), flags(true), flags(false)],
    [
      [0, 0],
      [1, 1],
      [0, 1],
    ],
  )
})

test('hostile bodies are refused, never misread', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(16, 17, 20, 21, 24, 25, 28, 29, 99),
      fc.uint8Array({ maxLength: 120 }),
      (type, body) => {
        try {
          newsOf({ type, flags: 0, seq: 0, pid: 0, body })
        } catch (error) {
          assert.match(String(error), /malformed/)
        }
      },
    ),
    { numRuns: 3000 },
  )
})

test('Ethernet addresses are text, and only six bytes are one', () => {
  assert.equal(parseMac('0A:58:64:60:01:02'), '0a:58:64:60:01:02')
  for (const text of ['', '0a:58:64:60:01', '0a:58:64:60:01:0g', '0a58.6460.0102'])
    assert.equal(parseMac(text), undefined)
  assert.throws(() => mac('x'), /"x" is not an Ethernet address/)
  assert.equal(macFromBytes(new Uint8Array(4)), undefined)
  fc.assert(fc.property(macs, (one) => assert.equal(macFromBytes(macBytes(one)), one)))
})
