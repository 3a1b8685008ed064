import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readFrame } from './frame.ts'
import { encodeEcho, readEcho } from './echo.ts'
import { readIp } from './ip.ts'
import { ABORT, crc32c, encodeInit, INIT, INIT_ACK, readSctp } from './sctp.ts'
import { ICMP, readTransport } from './transport.ts'

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

// Captured from veth devices.
const syn = hex(`0a5864600101 0a5864600102 0800
  45 00 003c 7353 4000 40 06 fdb2 64600102 64400014
  c78f 0050 afc32f97 00000000 a0 02 faf0 c9e4 0000 020405b40402080ad01e6d33000000000103030a`)
const synAck = hex(`0a5864600102 0a5864600101 0800
  45 00 003c 0000 4000 3d 06 7406 64400014 64600102
  0050 c78f 0315c158 afc32f98 a0 12 fe88 c9e4 0000 020405b40402080a60712c66d01e6d330103030a`)
const arpQuestion = hex(`ffffffffffff 0a5864600201 0806
  0001 0800 06 04 0001 0a5864600201 64600201 000000000000 64600202`)
const portUnreachable = hex(`0a5864600201 0a5864600202 0800
  45 c0 0057 1234 0000 40 01 0000 64600202 64600102
  03 03 0000 00000000
  45 00 003b 7353 4000 3d 11 0000 64600102 64600202 c78f 0063 0027 0000`)

test('a SYN is read with its addresses, ports, sequence number and flags', () => {
  const { source, destination, ip } = readFrame(syn) ?? {}
  assert.deepEqual([source, destination], ['0a:58:64:60:01:02', '0a:58:64:60:01:01'])
  assert.deepEqual(ip, {
    family: 4,
    source: '100.96.1.2',
    destination: '100.64.0.20',
    protocol: 6,
    ttl: 64,
    id: 0x7353,
    dontFragment: true,
    length: 60,
    transport: {
      kind: 'tcp',
      sourcePort: 51087,
      destinationPort: 80,
      sequence: 0xafc32f97,
      acknowledgement: 0,
      syn: true,
      ack: false,
      rst: false,
      fin: false,
    },
  })
})

test('an answer acknowledges the sequence number after the request’s', () => {
  const transport = readFrame(synAck)?.ip?.transport
  assert.ok(transport?.kind === 'tcp' && transport.syn && transport.ack)
  assert.equal(transport.acknowledgement, 0xafc32f98)
})

test('ARP asks for an address', () => {
  assert.deepEqual(readFrame(arpQuestion)?.arp, {
    operation: 'question',
    senderMac: '0a:58:64:60:02:01',
    sender: '100.96.2.1',
    targetMac: '00:00:00:00:00:00',
    target: '100.96.2.2',
  })
})

test('an ICMP error quotes the packet that it is about', () => {
  const icmp = readFrame(portUnreachable)?.ip?.transport
  assert.ok(icmp?.kind === 'icmp' && icmp.type === 3 && icmp.code === 3 && icmp.quote)
  const about = readIp(icmp.quote, true)
  assert.deepEqual([about?.source, about?.destination], ['100.96.1.2', '100.96.2.2'])
  assert.ok(
    about?.transport?.kind === 'udp' && about.transport.sourcePort === 51087 && about.transport.destinationPort === 99,
  )
})

test('padding behind a short packet is not its payload', () => {
  const datagram = hex('45000020 0000 0000 40 11 0000 01010101 02020202 0001 0002 000c 0000 61626364 000000000000')
  const transport = readIp(datagram)?.transport
  assert.ok(transport?.kind === 'udp')
  assert.equal(Buffer.from(transport.payload).toString(), 'abcd')
})

test('a later fragment has no ports', () => {
  const fragment = Uint8Array.from(syn)
  fragment[14 + 7] = 1
  assert.equal(readFrame(fragment)?.ip?.transport, undefined)
})

test('IPv6 is read behind its extension headers', () => {
  const address = (last: number): string => `fd00000000000000 00000000000000${last.toString(16).padStart(2, '0')}`
  const packet = hex(`60000000 0010 00 40 ${address(1)} ${address(2)} 11 00 010400000000 0007 0008 0008 0000`)
  const ip = readIp(packet)
  assert.deepEqual([ip?.family, ip?.source, ip?.destination, ip?.protocol], [6, 'fd00::1', 'fd00::2', 17])
  assert.ok(ip?.transport?.kind === 'udp' && ip.transport.sourcePort === 7)
})

const tooBig = hex(`0a5864600102 0a5864600101 0800
  45 c0 003c 0000 0000 40 01 0000 64600101 64600102
  03 04 0000 0000 04b0
  45 00 05dc 7353 4000 3f 01 0000 64600102 64600202 08 00 0000 8123 0001 6b756265`)
const initAck = hex(`0a5864600102 0a5864600101 0800
  45 00 0034 0000 4000 3d 84 0000 64600202 64600102
  8e3c 9c40 01020304 00000000 02 00 0014 5c7b0001 00010000 0001 0001 00000001`)

test('"fragmentation needed" tells what the next link takes, and quotes an echo request', () => {
  const icmp = readFrame(tooBig)?.ip?.transport
  assert.ok(icmp?.kind === 'icmp' && icmp.quote)
  assert.deepEqual([icmp.type, icmp.code, icmp.mtu], [3, 4, 1200])
  const about = readIp(icmp.quote, true)
  assert.equal(about?.length, 1500)
  const echo = about?.transport
  assert.ok(echo?.kind === 'icmp')
  assert.deepEqual([echo.type, echo.id, echo.sequence, echo.mtu], [8, 0x8123, 1, undefined])
  assert.equal(Buffer.from(echo.payload ?? []).toString(), 'kube')
})

test('an INIT ACK is read with its tags; of a quote, ports are enough', () => {
  const expected = { kind: 'sctp', sourcePort: 36412, destinationPort: 40000, verificationTag: 0x01020304 }
  assert.deepEqual(readFrame(initAck)?.ip?.transport, { ...expected, chunk: INIT_ACK, initiateTag: 0x5c7b0001 })
  const bytes = initAck.subarray(34)
  assert.deepEqual(readSctp(bytes.subarray(0, 8), true), { ...expected, chunk: undefined, initiateTag: undefined })
  assert.equal(readSctp(bytes.subarray(0, 8), false), undefined)
  const abort = Uint8Array.from(bytes)
  abort[12] = ABORT
  assert.deepEqual(readSctp(abort, false), { ...expected, chunk: ABORT, initiateTag: undefined })
})

test('CRC32c is that of RFC 3720, B.4', () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at)), 0x46dd794e)
})

test('an INIT is read as it was written, and its checksum is right', () => {
  const port = fc.integer({ min: 1, max: 65_535 })
  fc.assert(
    fc.property(port, port, fc.integer({ min: 1, max: 2 ** 32 - 1 }), (from, to, tag) => {
      const bytes = encodeInit({ from, to, tag })
      assert.deepEqual(readSctp(bytes, false), {
        kind: 'sctp',
        sourcePort: from,
        destinationPort: to,
        verificationTag: 0,
        chunk: INIT,
        initiateTag: tag,
      })
      const sum = new DataView(bytes.buffer).getUint32(8, true)
      bytes.fill(0, 8, 12)
      assert.equal(sum, crc32c(bytes))
    }),
  )
})

test('an echo request is read as it was written, its checksum is right, and its reply is known', () => {
  const number = fc.integer({ min: 0, max: 65_535 })
  fc.assert(
    fc.property(number, number, fc.uint8Array({ maxLength: 100 }), (id, sequence, payload) => {
      const bytes = encodeEcho({ id, sequence, payload })
      const read = readTransport(ICMP, bytes, false)
      assert.ok(read?.kind === 'icmp')
      assert.deepEqual([read.type, read.code, read.id, read.sequence], [8, 0, id, sequence])
      assert.deepEqual(Buffer.from(read.payload ?? []), Buffer.from(payload))
      assert.equal(onesComplement(bytes), 0xffff)
      assert.equal(readEcho(bytes), undefined)
      bytes[0] = 0
      assert.deepEqual(Buffer.from(readEcho(bytes) ?? []), Buffer.from(payload))
    }),
  )
})

/** RFC 1071: over a packet with the right checksum in it the sum is all ones. */
function onesComplement(bytes: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}

test('any bytes are read or refused, and never read past their end', () => {
  const frames = [syn, synAck, arpQuestion, portUnreachable, tooBig, initAck]
  const mutated = fc
    .tuple(fc.constantFrom(...frames), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }), fc.nat())
    .map(([frame, changes, cut]) => {
      const bytes = Uint8Array.from(frame)
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      return bytes.subarray(0, cut % (bytes.length + 1))
    })
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 120 })), (bytes) => {
      const transport = readFrame(bytes)?.ip?.transport
      if (transport?.kind === 'icmp' && transport.quote) readIp(transport.quote, true)
      if (transport?.kind === 'udp') assert.ok(transport.payload.length <= bytes.length)
      if (transport?.kind === 'icmp') assert.ok((transport.payload?.length ?? 0) <= bytes.length)
      readSctp(bytes, true)
      readEcho(bytes)
    }),
    { numRuns: 2000 },
  )
})
