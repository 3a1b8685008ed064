import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { address, addressFromBytes } from '../../base/address.ts'
import type { Message } from '../netlink/reader.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { type Connection, readConnection, writeConnectionKey } from './connection.ts'
import { type ConnectionFilter, dumpsFor, matcher, writeDump } from './filter.ts'
import { readStatus } from './status.ts'

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'))
const message = (body: Uint8Array, type = 0x100): Message => ({ type, flags: 2, seq: 1, pid: 0, body })
const written = (write: (writer: MessageWriter) => void): Uint8Array => {
  const writer = new MessageWriter()
  write(writer)
  return writer.bytes.slice()
}

// Bodies as a Linux 6.18 kernel sent them (IPCTNL_MSG_CT_NEW).
const udp = bytesOf(`
  02000000
  34000180 14000180 080001000a010002 080002000a030001 1c000280 0500010011000000 06000200cc2a0000 0600030000350000
  34000280 14000180 080001000a020001 080002000a010002 1c000280 0500010011000000 0600020014e90000 06000300cc2a0000
  08000300000001aa 0800080000000000 08000c00f6943bd8 08000b0000000001 080007000000001d`)
const udpZone = bytesOf(`
  02000000
  34000180 14000180 080001000a010002 080002000a030001 1c000280 0500010011000000 06000200d4ac0000 06000300003d0000
  34000280 14000180 080001000a020001 080002000a010002 1c000280 0500010011000000 0600020014e90000 06000300d4ac0000
  0600120000070000 08000300000001a8 080008000000002a 08000c006d856cc1 08000b0000000001 080007000000001d`)
const udpOriginalZone = bytesOf(`
  02000000
  3c000180 14000180 080001000a010002 080002000a030001 1c000280 0500010011000000 06000200ecd70000 06000300003e0000 0600030000080000
  34000280 14000180 080001000a020001 080002000a010002 1c000280 0500010011000000 0600020014e90000 06000300ecd70000
  08000300000001aa 0800080000000000 08000c00c996554c 08000b0000000001 080007000000001d`)
const tcp6 = bytesOf(`
  0a000000
  4c000180 2c000180 14000300fd010000000000000000000000000002 14000400fd030000000000000000000000000001
           1c000280 0500010006000000 06000200a1260000 0600030000500000
  4c000280 2c000180 14000300fd020000000000000000000000000001 14000400fd010000000000000000000000000002
           1c000280 0500010006000000 060002001f900000 06000300a1260000
  08000300000001ae 0800080000000000 08000c00a892610b 08000b0000000001 080007000006977f
  30000480 2c000180 0500010003000000 050002000a000000 050003000a000000 0600040023000000 0600050023000000`)
const ping = bytesOf(`
  02000000
  3c000180 14000180 080001000a010002 080002000a010001 24000280 0500010001000000 06000400038c0000 0500050008000000 0500060000000000
  3c000280 14000180 080001000a010001 080002000a010002 24000280 0500010001000000 06000400038c0000 0500050000000000 0500060000000000
  080003000000018a 0800080000000000 08000c005a73f7e4 08000b0000000001 080007000000001d`)

const udpRead: Connection = {
  family: 4,
  protocol: 17,
  original: { source: address('10.1.0.2'), destination: address('10.3.0.1'), sourcePort: 52266, destinationPort: 53 },
  reply: { source: address('10.2.0.1'), destination: address('10.1.0.2'), sourcePort: 5353, destinationPort: 52266 },
  status: new Set(['seenReply', 'confirmed', 'dnat', 'snatDone', 'dnatDone']),
  id: 0xf6943bd8,
  timeoutSeconds: 29,
}

test('connections as the kernel tells of them', () => {
  assert.deepEqual(readConnection(message(udp)), udpRead)
  assert.deepEqual(readConnection(message(tcp6)), {
    family: 6,
    protocol: 6,
    original: { source: 'fd01::2', destination: 'fd03::1', sourcePort: 41254, destinationPort: 80 },
    reply: { source: 'fd02::1', destination: 'fd01::2', sourcePort: 8080, destinationPort: 41254 },
    status: new Set(['seenReply', 'assured', 'confirmed', 'dnat', 'snatDone', 'dnatDone']),
    id: 0xa892610b,
    timeoutSeconds: 431_999,
  })
  assert.deepEqual(readConnection(message(ping)), {
    family: 4,
    protocol: 1,
    original: {
      source: '10.1.0.2',
      destination: '10.1.0.1',
      sourcePort: 0,
      destinationPort: 0,
      icmp: { id: 908, type: 8, code: 0 },
    },
    reply: {
      source: '10.1.0.1',
      destination: '10.1.0.2',
      sourcePort: 0,
      destinationPort: 0,
      icmp: { id: 908, type: 0, code: 0 },
    },
    status: new Set(['seenReply', 'confirmed', 'snatDone', 'dnatDone']),
    id: 0x5a73f7e4,
    timeoutSeconds: 29,
  })
})

test('a zone of both directions, one of a single direction, and a mark', () => {
  const both = readConnection(message(udpZone))
  assert.deepEqual([both?.zone, both?.original.zone, both?.mark], [7, undefined, 0x2a])
  const one = readConnection(message(udpOriginalZone))
  assert.deepEqual([one?.zone, one?.original.zone, one?.reply.zone, one?.mark], [undefined, 8, undefined, undefined])
})

test('details: the state of TCP, and what the kernel counted where it counts', () => {
  assert.deepEqual(readConnection(message(tcp6), undefined, true)?.details, { tcpState: 'ESTABLISHED' })
  assert.deepEqual(readConnection(message(udp), undefined, true)?.details, {})
  assert.equal(readConnection(message(tcp6))?.details, undefined)
  // CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY (packets, bytes) and CTA_TIMESTAMP (start, in nanoseconds).
  const counted = bytesOf(`${hex(udp)}
    1c000980 0c000100 0000000000000003 0c000200 00000000000000b4
    1c000a80 0c000100 0000000000000002 0c000200 0000000000000064
    10001480 0c000100 18a0f5ddc8e12000`)
  assert.deepEqual(readConnection(message(counted), undefined, true)?.details, {
    counters: { packets: 5, bytes: 280 },
    began: Math.round(0x18a0f5ddc8e12000 / 1e6),
  })
})

test('other messages and other families are no connections', () => {
  assert.equal(readConnection(message(udp, 0x102)), undefined)
  assert.equal(readConnection(message(Uint8Array.of(7, ...udp.subarray(1)))), undefined)
})

test('a deletion names the reply tuple, the zone and the number', () => {
  const named = (body: Uint8Array): Uint8Array => {
    const connection = readConnection(message(body))
    assert.ok(connection)
    return written((writer) => writeConnectionKey(writer, connection))
  }
  const reply = udp.subarray(4 + 0x34, 4 + 2 * 0x34)
  assert.deepEqual(named(udp), bytesOf(`02000000 ${hex(reply)} 08000c00f6943bd8`))
  const inZone = udpZone.subarray(4 + 0x34, 4 + 2 * 0x34)
  assert.deepEqual(named(udpZone), bytesOf(`02000000 ${hex(inZone)} 0600120000070000 08000c006d856cc1`))
  assert.deepEqual(named(ping).subarray(4, 4 + 0x3c), ping.subarray(4 + 0x3c, 4 + 2 * 0x3c))
  assert.deepEqual(named(tcp6).subarray(0, 4 + 0x4c), bytesOf(`0a000000 ${hex(tcp6.subarray(4 + 0x4c, 4 + 2 * 0x4c))}`))
})

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('a filter goes to the kernel as far as the kernel can be trusted with it', () => {
  const sent = (filter: ConnectionFilter): string[] =>
    dumpsFor(filter).map((asked) => hex(written((writer) => writeDump(writer, asked))))
  const bare = (...parts: string[]): string => parts.join('').replace(/\s/g, '')
  const destination = address('10.3.0.1')
  const of4 = '0c000180 080002000a030001'
  const proto = '0c000280 0500010011000000'
  const ported = '14000280 0500010011000000 0600030000350000'
  const flags = (bits: string): string => `0c001980 08000100${bits}000000`
  const rows: readonly [ConnectionFilter, string[]][] = [
    [{}, ['00000000']],
    [{ family: 6 }, ['0a000000']],
    // Without a family it takes two.
    [{ protocol: 17 }, [bare('02000000 10000180', proto, flags('08')), bare('0a000000 10000180', proto, flags('08'))]],
    [{ destination }, [bare('02000000 10000180', of4, flags('02'))]],
    [{ destination, protocol: 17, destinationPort: 53 }, [bare('02000000 24000180', of4, ported, flags('2a'))]],
    // A port needs a protocol beside it.
    [{ destination, destinationPort: 53 }, [bare('02000000 10000180', of4, flags('02'))]],
    [{ destinationPort: 53 }, ['00000000']],
    // IPv6 addresses would be compared the wrong way round.
    [
      { destination: address('fd03::1'), protocol: 17, destinationPort: 53 },
      [bare('0a000000 18000180', ported, flags('28'))],
    ],
    [{ destination: address('fd03::1') }, ['0a000000']],
  ]
  for (const [filter, expected] of rows) assert.deepEqual(sent(filter), expected, JSON.stringify(filter))
})

test('what the kernel did not filter is filtered here', () => {
  const found = (filter: ConnectionFilter): string =>
    Object.entries({ udp, tcp6, ping })
      .filter(([, body]) => readConnection(message(body), matcher(filter)))
      .map(([name]) => name)
      .join(' ')
  const rows: readonly [ConnectionFilter, string][] = [
    [{}, 'udp tcp6 ping'],
    [{ family: 4 }, 'udp ping'],
    [{ family: 6 }, 'tcp6'],
    [{ protocol: 17 }, 'udp'],
    [{ destination: address('10.3.0.1') }, 'udp'],
    [{ destination: address('10.3.0.1'), destinationPort: 53 }, 'udp'],
    [{ destination: address('10.3.0.1'), destinationPort: 54 }, ''],
    [{ destination: address('10.3.0.1'), protocol: 6 }, ''],
    [{ destination: address('10.3.0.1'), family: 6 }, ''],
    [{ destination: address('fd03::1') }, 'tcp6'],
    [{ destination: address('fd03::2') }, ''],
    [{ destinationPort: 80 }, 'tcp6'],
    // Who answers is not who was asked.
    [{ destination: address('10.2.0.1') }, ''],
  ]
  for (const [filter, expected] of rows) assert.equal(found(filter), expected, JSON.stringify(filter))
})

test('states have names, and bits that are newer than the names are none', () => {
  assert.deepEqual([...readStatus(0x20e)], ['seenReply', 'assured', 'confirmed', 'dying'])
  assert.deepEqual([...readStatus(0xffff0000)], [])
  assert.equal(readStatus(0x20e), readStatus(0x20e))
})

test('what was written is read back', () => {
  const port = fc.integer({ min: 0, max: 65_535 })
  const ip = fc.constantFrom(4, 16).chain((size) => fc.uint8Array({ minLength: size * 2, maxLength: size * 2 }))
  fc.assert(
    fc.property(ip, port, port, fc.constantFrom(6, 17, 132), fc.option(port), (bytes, from, to, protocol, zone) => {
      const half = bytes.length / 2
      const tuple = {
        source: addressFromBytes(bytes.subarray(0, half)),
        destination: addressFromBytes(bytes.subarray(half)),
        sourcePort: from,
        destinationPort: to,
        ...(zone === null ? {} : { zone }),
      }
      const one: Connection = {
        family: half === 4 ? 4 : 6,
        protocol,
        original: tuple,
        reply: tuple,
        status: new Set(),
        id: from * 65_536 + to,
      }
      const key = written((writer) => writeConnectionKey(writer, one))
      // The same tuple once more as the original one (CTA_TUPLE_ORIG, 1).
      const length = new DataView(key.buffer).getUint16(4, true)
      const original = Uint8Array.from(key.subarray(4, 4 + length))
      original[2] = 1
      assert.deepEqual(readConnection(message(Uint8Array.of(...key, ...original))), one)
    }),
  )
})

test('arbitrary bytes, and messages with a few changed, are read within their bounds or refused', () => {
  const all = [udp, udpZone, udpOriginalZone, tcp6, ping]
  const changed = fc
    .tuple(fc.constantFrom(...all), fc.array(fc.tuple(fc.nat(240), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }))
    .map(([body, changes]) => {
      const bytes = body.slice()
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      return bytes
    })
  const cut = fc.tuple(fc.constantFrom(...all), fc.nat(240)).map(([body, length]) => body.slice(0, length))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), changed, cut), (bytes) => {
      // Behind the message lies another one, which must not be read.
      const memory = Uint8Array.of(...bytes, ...udp)
      try {
        readConnection(message(memory.subarray(0, bytes.length)))
      } catch (error) {
        assert.match(String(error), /malformed/)
      }
    }),
    { numRuns: 3000 },
  )
})
